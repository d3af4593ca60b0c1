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
func (a *sessionAPI) refused(got sessionAnswer, want int) {
	a.t.Helper()
	if got.status != want || got.header.Get("Content-Type") != "application/problem+json" {
		a.t.Errorf("%d %v, want a problem of %d", got.status, got.header, want)
	}
	if got.header.Get("Location")+got.header.Get("ETag") != "" || strings.Contains(got.body, "OWN ") {
		a.t.Errorf("the handler's answer got out: %v %.100s", got.header, got.body)
	}
	if (got.header.Get("Retry-After") != "") != (want == http.StatusServiceUnavailable) {
		a.t.Errorf("Retry-After: %q", got.header.Get("Retry-After"))
	}
	if n := a.rows(); n != 0 {
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
			a := sessionPost(t, sessionBoast)
			a.trigger("RAISE EXCEPTION 'secret of the server' USING ERRCODE = '" + state + "';")
			got := a.do("POST", "/t", "")
			a.refused(got, want)
			if strings.Contains(got.body, "secret") {
				t.Errorf("the cause got out: %s", got.body)
			}
		})
	}
}

// TestSessionDeferredConstraint is the same with a constraint instead of a trigger: two requests insert the same title.
func TestSessionDeferredConstraint(t *testing.T) {
	t.Parallel()
	a := sessionPost(t, sessionBoast)
	dbtest.Exec(t, a.url, "ALTER TABLE test_things ADD UNIQUE (title) DEFERRABLE INITIALLY DEFERRED")
	if got := a.do("POST", "/t", ""); got.status != http.StatusCreated {
		t.Errorf("the first: %d", got.status)
	}
	got := a.do("POST", "/t", "")
	dbtest.Exec(t, a.url, "DELETE FROM test_things")
	a.refused(got, http.StatusConflict)
}

// TestSessionSerializable is a route with an isolation level: each of two requests reads what the other writes, and one is
// told to try again.
func TestSessionSerializable(t *testing.T) {
	t.Parallel()
	read, written := make(chan bool), make(chan bool)
	a := sessionServe(t, func(r gin.IRouter) {
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
	slow := make(chan sessionAnswer, 1)
	go func() {
		got, err := a.send(t.Context(), "POST", "/t?slow=1", "")
		if err != nil {
			t.Error(err)
		}
		slow <- got
	}()
	<-read
	if got := a.do("POST", "/t", ""); got.status != http.StatusCreated {
		t.Errorf("the quick one: %d", got.status)
	}
	close(written)
	got := <-slow
	if n := a.rows(); n != 1 {
		t.Errorf("%d rows, want the quick one's", n)
	}
	dbtest.Exec(t, a.url, "DELETE FROM test_things")
	a.refused(got, http.StatusServiceUnavailable)
}

func sessionSerializable(c *sessionConfig) {
	c.session = []db.SessionOption{db.Isolation(sql.LevelSerializable)}
}

func TestSessionBackendKilledInCommit(t *testing.T) {
	t.Parallel()
	a := sessionPost(t, sessionBoast)
	a.trigger("PERFORM pg_sleep(60);")
	answer := make(chan sessionAnswer, 1)
	go func() {
		got, err := a.send(t.Context(), "POST", "/t", "")
		if err != nil {
			t.Error(err)
		}
		answer <- got
	}()
	dbtest.Exec(t, a.url, "SELECT pg_terminate_backend($1)", a.running("commit"))
	a.refused(<-answer, http.StatusServiceUnavailable)
	a.loggedAsUnknown()
}

// TestSessionCommitCutOff: what a COMMIT does that is longer than the request's time and 2 s, nobody knows.
func TestSessionCommitCutOff(t *testing.T) {
	t.Parallel()
	a := sessionPost(t, sessionBoast, sessionLimit(4*time.Second))
	a.trigger("PERFORM pg_sleep(60);")
	start := time.Now()
	a.refused(a.do("POST", "/t", ""), http.StatusServiceUnavailable)
	if took := time.Since(start); took > 20*time.Second { // 6 s is meant; the rest is for a slow machine
		t.Errorf("took %v", took)
	}
	a.loggedAsUnknown()
}

// loggedAsUnknown checks that the log says, once, that the outcome is unknown.
func (a *sessionAPI) loggedAsUnknown() {
	a.t.Helper()
	lines := a.log.Lines(a.t, "request failed")
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
			a := sessionPost(t, func(c *gin.Context, tx *gorm.DB) error {
				for query := range strings.SplitSeq(test.query, "; ") {
					_ = tx.Exec(query).Error
				}
				_ = sessionBoast(c, tx)
				c.String(http.StatusCreated, "OWN ")
				return nil
			})
			a.refused(a.do("POST", "/t", ""), test.want)
		})
	}
}

// TestSessionSwallowedBegin: the same for a request that got no connection.
func TestSessionSwallowedBegin(t *testing.T) {
	t.Parallel()
	a := sessionPost(t, func(c *gin.Context, tx *gorm.DB) error {
		_ = sessionInsert(tx, "a")
		c.String(http.StatusCreated, "OWN ")
		return nil
	}, sessionPool(1, 0), func(c *sessionConfig) { c.db.PoolTimeout = time.Second })
	holder := a.db.NewSession(t.Context())
	a.must(holder.DB().Exec("SELECT 1").Error)
	got := a.do("POST", "/t", "")
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
		a := sessionPost(t, func(c *gin.Context, tx *gorm.DB) error {
			return errors.Join(sessionBoast(c, tx), tx.Exec(query).Error)
		}, func(c *sessionConfig) { c.session = []db.SessionOption{opt} })
		defer a.holdLock()()
		a.refused(a.do("POST", "/t", ""), http.StatusServiceUnavailable)
	}
}
