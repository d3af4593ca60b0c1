package app_test

import (
	"database/sql"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// sessionBoast inserts a row and answers as if all were well, at such a length that no buffer on the way holds it.
func sessionBoast(c *gin.Context, tx *gorm.DB) error {
	if err := sessionInsert(tx, "a"); err != nil {
		return err
	}
	c.Header("Location", "/own")
	c.Header("ETag", `"own"`)
	c.String(http.StatusCreated, strings.Repeat("OWN ", 1<<18))
	return nil
}

// refused checks that nothing of the handler's answer, and no row, is there.
func (a *served) refused(got webtest.Answer, want int) {
	a.t.Helper()
	if got.Status != want || got.Header.Get("Content-Type") != "application/problem+json" {
		a.t.Errorf("%d %v, want a problem of %d", got.Status, got.Header, want)
	}
	if got.Header.Get("Location")+got.Header.Get("ETag") != "" || strings.Contains(got.Body, "OWN ") {
		a.t.Errorf("the handler's answer got out: %v %.100s", got.Header, got.Body)
	}
	if (got.Header.Get("Retry-After") != "") != (want == http.StatusServiceUnavailable) {
		a.t.Errorf("Retry-After: %q", got.Header.Get("Retry-After"))
	}
	if n := a.Rows(a.t); n != 0 {
		a.t.Errorf("%d rows", n)
	}
	a.idle()
}

func TestSessionCommitFails(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]int{
		"23505": 409, "23503": 409, "23P01": 409, "23514": 422, "23502": 422, "22003": 422, "40001": 503, "40P01": 503, "P0001": 500,
	} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			a := servePost(t, sessionBoast)
			a.trigger("RAISE EXCEPTION 'secret of the server' USING ERRCODE = '" + state + "';")
			got := a.Do(t, "POST", "/t", "")
			a.refused(got, want)
			if strings.Contains(got.Body, "secret") {
				t.Errorf("the cause got out: %s", got.Body)
			}
		})
	}
}

// TestSessionDeferredConstraint is the same with a constraint instead of a trigger: two requests insert the same title.
func TestSessionDeferredConstraint(t *testing.T) {
	t.Parallel()
	a := servePost(t, sessionBoast)
	dbtest.Exec(t, a.Database, "ALTER TABLE test_things ADD UNIQUE (title) DEFERRABLE INITIALLY DEFERRED")
	if got := a.Do(t, "POST", "/t", ""); got.Status != http.StatusCreated {
		t.Errorf("the first: %d", got.Status)
	}
	got := a.Do(t, "POST", "/t", "")
	dbtest.Exec(t, a.Database, "DELETE FROM test_things")
	a.refused(got, http.StatusConflict)
}

// TestSessionSerializable is a route with an isolation level: each of two requests reads what the other writes, and one is
// told to try again.
func TestSessionSerializable(t *testing.T) {
	t.Parallel()
	read, written := make(chan bool), make(chan bool)
	a := serve(t, func(r gin.IRouter) {
		r.POST("", app.Handle(func(c *gin.Context, tx *gorm.DB) error {
			var n int
			if err := tx.Raw("SELECT count(*) FROM test_things").Scan(&n).Error; err != nil {
				return err
			}
			if c.Query("slow") != "" {
				close(read)
				<-written
			}
			return sessionBoast(c, tx)
		}))
	}, sessionPool(2, 0), sessionSerializable)
	slow := a.later("POST", "/t?slow=1", "")
	<-read
	if got := a.Do(t, "POST", "/t", ""); got.Status != http.StatusCreated {
		t.Errorf("the quick one: %d", got.Status)
	}
	close(written)
	got := <-slow
	if n := a.Rows(t); n != 1 {
		t.Errorf("%d rows, want the quick one's", n)
	}
	dbtest.Exec(t, a.Database, "DELETE FROM test_things")
	a.refused(got, http.StatusServiceUnavailable)
}

func sessionSerializable(c *settings) {
	c.session = []db.SessionOption{db.Isolation(sql.LevelSerializable)}
}

func TestSessionBackendKilledInCommit(t *testing.T) {
	t.Parallel()
	a := servePost(t, sessionBoast)
	a.trigger("PERFORM pg_sleep(60);")
	answer := a.later("POST", "/t", "")
	dbtest.Exec(t, a.Database, "SELECT pg_terminate_backend($1)", a.running("commit"))
	a.refused(<-answer, http.StatusServiceUnavailable)
	a.loggedAsUnknown()
}

// TestSessionCommitCutOff: what a COMMIT does that is longer than the request's time and 2 s, nobody knows.
func TestSessionCommitCutOff(t *testing.T) {
	t.Parallel()
	a := servePost(t, sessionBoast, sessionLimit(4*time.Second))
	a.trigger("PERFORM pg_sleep(60);")
	start := time.Now()
	a.refused(a.Do(t, "POST", "/t", ""), http.StatusServiceUnavailable)
	if took := time.Since(start); took > 20*time.Second { // 6 s is meant; the rest is for a slow machine
		t.Errorf("took %v", took)
	}
	a.loggedAsUnknown()
}

// loggedAsUnknown checks that the log says, once, that the outcome is unknown.
func (a *served) loggedAsUnknown() {
	a.t.Helper()
	lines := a.Log.Lines(a.t, "request failed")
	if len(lines) != 1 || !strings.Contains(lines[0]["error"].(string), db.ErrCommitUnknown.Error()) || lines[0]["request_id"] == nil {
		a.t.Errorf("logged: %v", lines)
	}
}

// TestSessionSwallowedErrors: a handler that does not look at its errors gets no 2xx through.
func TestSessionSwallowedErrors(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		query string
		want  int
	}{
		"violation":  {"INSERT INTO test_things (title, link) VALUES ('', '')", 422},
		"syntax":     {"SELECT nothing", 500},
		"time-out":   {"SET LOCAL statement_timeout = 1; SELECT pg_sleep(60)", 503},
		"connection": {"SELECT pg_terminate_backend(pg_backend_pid())", 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
				for query := range strings.SplitSeq(test.query, "; ") {
					_ = tx.Exec(query).Error
				}
				_ = sessionBoast(c, tx)
				c.String(http.StatusCreated, "OWN ")
				return nil
			})
			a.refused(a.Do(t, "POST", "/t", ""), test.want)
		})
	}
}

// TestSessionSwallowedBegin: the same for a request that got no connection.
func TestSessionSwallowedBegin(t *testing.T) {
	t.Parallel()
	a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
		_ = sessionInsert(tx, "a")
		c.String(http.StatusCreated, "OWN ")
		return nil
	}, sessionPool(1, 0), func(c *settings) { c.DB.PoolTimeout = time.Second })
	holder := a.DB.NewSession(t.Context())
	a.must(holder.DB().Exec("SELECT 1").Error)
	got := a.Do(t, "POST", "/t", "")
	holder.Rollback()
	a.refused(got, http.StatusServiceUnavailable)
}

// TestSessionLimits: time limits of the session are the server's to keep, and the client may try again.
func TestSessionLimits(t *testing.T) {
	t.Parallel()
	for query, opt := range map[string]db.SessionOption{
		"SELECT pg_sleep(60)":             db.StatementTimeout(20 * time.Millisecond),
		"SELECT pg_advisory_xact_lock(4)": db.LockTimeout(20 * time.Millisecond),
	} {
		a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
			return errors.Join(sessionBoast(c, tx), tx.Exec(query).Error)
		}, func(c *settings) { c.session = []db.SessionOption{opt} })
		defer a.holdLock()()
		a.refused(a.Do(t, "POST", "/t", ""), http.StatusServiceUnavailable)
	}
}

// TestSessionGetMadeToWrite: a GET whose own statement lets it write is answered as one that may, after its COMMIT.
func TestSessionGetMadeToWrite(t *testing.T) {
	t.Parallel()
	for _, query := range []string{
		"SET TRANSACTION READ WRITE", "set local transaction_read_only = off", "SET transaction_read_only TO 'off'", `SET LOCAL "transaction_read_only" = false`,
		"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE",
	} {
		a := serve(t, func(r gin.IRouter) {
			r.GET("", app.Handle(func(c *gin.Context, tx *gorm.DB) error {
				if err := tx.Exec(query).Error; err != nil {
					return err
				}
				return sessionBoast(c, tx)
			}))
		})
		a.trigger("RAISE EXCEPTION 'no' USING ERRCODE = '23505';")
		a.refused(a.Do(t, http.MethodGet, "/t", ""), http.StatusConflict)
	}
}
