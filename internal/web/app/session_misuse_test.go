package app_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/devdb"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// TestSessionMisuse: a handler that ends its transaction itself, and looks at no error, gets a 500 whatever it answers;
// nothing is saved, and the log says once what it did and what to do instead.
func TestSessionMisuse(t *testing.T) {
	t.Parallel()
	prepared := func(tx *gorm.DB) *gorm.DB { return tx.Session(&gorm.Session{PrepareStmt: true}) }
	for name, test := range map[string]struct {
		do   func(tx *gorm.DB)
		told string // in the log
	}{
		"Rollback":            {func(tx *gorm.DB) { tx.Rollback() }, "tx.Rollback: the session's owner ends the transaction: return nil to commit, an error to roll back"},
		"Commit":              {func(tx *gorm.DB) { tx.Commit() }, "tx.Commit: the session's owner ends the transaction: return nil to commit, an error to roll back"},
		"Begin":               {func(tx *gorm.DB) { _ = sessionInsert(tx.Begin(), "inner") }, "use tx.Transaction, which is a savepoint"},
		"Begin, prepared":     {func(tx *gorm.DB) { _ = sessionInsert(prepared(tx).Begin(), "inner") }, "use tx.Transaction, which is a savepoint"},
		"Connection":          {sessionBeside, "use tx itself, which has one connection"},
		"Connection prepared": {func(tx *gorm.DB) { sessionBeside(prepared(tx)) }, "use tx itself, which has one connection"},
		"ROLLBACK":            {func(tx *gorm.DB) { tx.Exec("ROLLBACK") }, "refused: ROLLBACK"},
		"COMMIT AND CHAIN":    {func(tx *gorm.DB) { tx.Exec("commit and chain") }, "refused: commit and chain"},
		"several":             {func(tx *gorm.DB) { tx.Exec("SELECT 1; COMMIT; BEGIN") }, "refused: SELECT 1; COMMIT; BEGIN"},
		"unseen": {func(tx *gorm.DB) {
			tx.Exec("SET LOCAL standard_conforming_strings = off")
			tx.Exec(`SELECT '\''; ROLLBACK --'`)
		}, `the transaction was ended by: SELECT '\''; ROLLBACK --'`},
	} {
		for answer, reply := range map[string]func(*gin.Context) error{
			"200":          func(c *gin.Context) error { c.String(http.StatusOK, "OWN "); return nil },
			"409":          func(c *gin.Context) error { c.String(http.StatusConflict, "OWN "); return nil },
			"404 by error": func(*gin.Context) error { return gorm.ErrRecordNotFound },
		} {
			t.Run(name+", "+answer, func(t *testing.T) {
				t.Parallel()
				a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
					_ = sessionInsert(tx, "before")
					test.do(tx)
					_ = sessionInsert(tx, "after")
					return reply(c)
				}, sessionPool(1, 0))
				a.refused(a.Do(t, "POST", "/t", ""), http.StatusInternalServerError)
				a.loggedOnce(test.told)
				if got := a.Do(t, "POST", "/things", `{"title":"the next","link":"https://example.com/a.wav"}`); got.Status != http.StatusCreated {
					t.Errorf("the next request: %d %s", got.Status, got.Body)
				}
			})
		}
	}
}

// sessionBeside writes on what tx.Connection offers.
func sessionBeside(tx *gorm.DB) {
	_ = tx.Connection(func(tx *gorm.DB) error { return sessionInsert(tx, "beside") })
}

// loggedOnce checks that the log says, once, why the request failed.
func (a *served) loggedOnce(why string) {
	a.t.Helper()
	lines := a.Log.Lines(a.t, "request failed")
	if len(lines) != 1 || !strings.Contains(lines[0]["error"].(string), why) || lines[0]["request_id"] == nil {
		a.t.Errorf("logged: %v, want one line with %q", lines, why)
	}
}

// TestSessionMisuseInAReader: a GET, too, has a transaction that is not its own.
func TestSessionMisuseInAReader(t *testing.T) {
	t.Parallel()
	a := serve(t, func(r gin.IRouter) {
		r.GET("", app.Handle(func(c *gin.Context, tx *gorm.DB) error {
			tx.Exec("ROLLBACK")
			_ = sessionInsert(tx, "by itself")
			c.String(http.StatusOK, "OWN ")
			return nil
		}))
	})
	a.refused(a.Do(t, "GET", "/t", ""), http.StatusInternalServerError)
	a.loggedOnce("refused: ROLLBACK")
}

// TestSessionCommitCancelled: somebody cancels a COMMIT that waits for its synchronous standby. PostgreSQL answers with
// success and a warning: the row is there, and lost in the next failover. Nobody may be told that it is saved.
func TestSessionCommitCancelled(t *testing.T) {
	t.Parallel()
	server := dbtest.Server(t, devdb.Options{Settings: map[string]string{"synchronous_commit": "on"}})
	dbtest.Exec(t, server.URL(), "CREATE TABLE test_things (title text, link text)")
	a := servePost(t, sessionBoast, func(c *settings) { c.DB.URL = server.URL() })
	a.Database = server.URL()
	dbtest.Exec(t, a.Database, "ALTER SYSTEM SET synchronous_standby_names = 'missing'")
	dbtest.Exec(t, a.Database, "SELECT pg_reload_conf()")
	dbtest.Eventually(t, "a COMMIT waits for the standby", func() bool {
		answer := a.later("POST", "/t", "")
		got, cancelled := a.cancelStandbyWait(answer)
		if cancelled && got.Status != http.StatusServiceUnavailable {
			t.Fatalf("%d %.200s, want 503", got.Status, got.Body)
		}
		return cancelled
	})
	a.loggedAsUnknown()
	if n := a.Rows(t); n == 0 {
		t.Error("the row is not there: the test tests nothing")
	}
}

// cancelStandbyWait cancels the COMMIT that waits, unless it is answered without a wait: the server's processes learn of
// their new setting one by one.
func (a *served) cancelStandbyWait(answer <-chan webtest.Answer) (got webtest.Answer, cancelled bool) {
	a.t.Helper()
	for {
		select {
		case got := <-answer:
			return got, cancelled
		case <-time.After(5 * time.Millisecond):
		}
		cancelled = a.ask("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") > 0 || cancelled
	}
}
