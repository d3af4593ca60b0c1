package app_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// wrongly checks that a request got a 500 that is explained in the log only, and that nothing was saved.
func (a *served) wrongly(got webtest.Answer, says string) {
	a.t.Helper()
	if got.Status != http.StatusInternalServerError || got.Header.Get("Retry-After") != "" {
		a.t.Errorf("%d %s, want 500", got.Status, got.Body)
	}
	failed := a.Log.Lines(a.t, "request failed")
	if len(failed) == 0 || !strings.Contains(fmt.Sprint(failed[len(failed)-1]["error"]), says) {
		a.t.Errorf("logged: %v, want %q", failed, says)
	}
	if says != "" && strings.Contains(got.Body, says) {
		a.t.Errorf("the answer says why: %s", got.Body)
	}
	if n := a.Rows(a.t); n != 0 {
		a.t.Errorf("%d rows were saved", n)
	}
	a.idle()
}

// misuses are handlers that use the request's session wrongly, and answer as if nothing had happened.
var misuses = map[string]struct {
	handler func(c *gin.Context, tx *gorm.DB) error
	says    string
}{
	"a query in a Rows loop": {func(c *gin.Context, tx *gorm.DB) error {
		rows, err := tx.Raw("SELECT generate_series(1, 3)").Rows()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			_ = sessionInsert(tx, "in the loop")
		}
		c.Status(http.StatusCreated)
		return rows.Err()
	}, "read them to the end or close them first"},
	"Row without Scan": {func(c *gin.Context, tx *gorm.DB) error {
		_ = tx.Raw("SELECT 1").Row()
		_ = sessionInsert(tx, "after it")
		c.Status(http.StatusCreated)
		return nil
	}, "are still open"},
	"three goroutines": {func(c *gin.Context, tx *gorm.DB) error {
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				for sessionInsert(tx, "of a goroutine") == nil { // until two meet
				}
			})
		}
		all.Wait()
		c.Status(http.StatusCreated)
		return nil
	}, "give each goroutine a session of its own"},
	"an error that nobody looked at": {func(c *gin.Context, tx *gorm.DB) error {
		_ = sessionInsert(tx, "")
		c.Status(http.StatusCreated)
		return sessionInsert(tx, "after it")
	}, "test_things_title"},
	"an error after the first row": {func(c *gin.Context, tx *gorm.DB) error {
		var list []int
		_ = tx.Raw("SELECT 1/(5-g) FROM generate_series(1,10) g").Scan(&list)
		c.Status(http.StatusCreated)
		return sessionInsert(tx, "after it")
	}, "division by zero"},
	"an unknown parameter": {func(c *gin.Context, tx *gorm.DB) error {
		_ = sessionInsert(tx, "before it")
		c.Status(http.StatusCreated)
		return db.SetLocal(tx, "no_such", "1")
	}, "set local no_such"},
}

func TestSessionUsedWronglyIsA500(t *testing.T) {
	t.Parallel()
	for name, test := range misuses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := servePost(t, test.handler)
			a.wrongly(a.Do(t, http.MethodPost, "/t", ""), test.says)
		})
	}
}

// TestSessionGoroutineOutlivesTheHandler: it is cut off, the request fails, and the next one has a whole pool.
func TestSessionGoroutineOutlivesTheHandler(t *testing.T) {
	t.Parallel()
	late, blocked := make(chan error, 1), make(chan struct{})
	a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
		if err := sessionInsert(tx, "first"); err != nil {
			return err
		}
		go func() { late <- tx.Exec("SELECT pg_advisory_xact_lock(4)").Error }()
		<-blocked
		c.Status(http.StatusCreated)
		return nil
	})
	defer a.holdLock()()
	answer := a.later(http.MethodPost, "/t", "")
	a.running("select pg_advisory_xact_lock%")
	close(blocked)
	a.wrongly(<-answer, "goroutine")
	if err := <-late; err == nil {
		t.Error("the goroutine's statement succeeded")
	}
}

// tenantOf is the key of a request's tenant in its context.
type tenantOf struct{}

// byTenant gives the test's routes a middleware that knows the caller, and a session option that tells PostgreSQL.
func byTenant(c *settings) {
	c.before = []gin.HandlerFunc{func(c *gin.Context) {
		if tenant := c.Query("tenant"); tenant != "" {
			c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), tenantOf{}, tenant))
		}
	}}
	c.session = []db.SessionOption{db.Local("app.tenant", func(ctx context.Context) (string, error) {
		if tenant, ok := ctx.Value(tenantOf{}).(string); ok {
			return tenant, nil
		}
		return "", errors.New("no tenant")
	})}
}

// TestSessionOfATenant: each request has the tenant of its own caller, and one without a tenant runs nothing.
func TestSessionOfATenant(t *testing.T) {
	t.Parallel()
	a := serve(t, func(r gin.IRouter) {
		r.GET("", app.Handle(func(c *gin.Context, tx *gorm.DB) error {
			var tenant string
			if err := tx.Raw("SELECT current_setting('app.tenant')").Scan(&tenant).Error; err != nil {
				return err
			}
			c.String(http.StatusOK, tenant)
			return nil
		}))
	}, sessionPool(2, 0), byTenant)
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			want := fmt.Sprintf("O'Hara%d", n)
			for range 10 {
				if got, err := a.Try(t.Context(), http.MethodGet, "/t?tenant="+want, nil); err != nil || got.Body != want {
					t.Errorf("%q, %v, want %q", got.Body, err, want)
				}
			}
		})
	}
	all.Wait()
	a.wrongly(a.Do(t, http.MethodGet, "/t", ""), "set local app.tenant: no tenant")
}

// TestSessionOptionsOfARoute: a GET may be made to write, and a route's mistaken option is a 500, not an outage.
func TestSessionOptionsOfARoute(t *testing.T) {
	t.Parallel()
	write := func(c *gin.Context, tx *gorm.DB) error {
		c.Status(http.StatusOK)
		return sessionInsert(tx, "by a GET")
	}
	for _, test := range []struct {
		opt    db.SessionOption
		status int
	}{
		{db.ReadWrite(), http.StatusOK},
		{db.ReadOnly(), http.StatusInternalServerError},
		{db.LockTimeout(500 * time.Microsecond), http.StatusInternalServerError},
		{db.Local("no_such", func(context.Context) (string, error) { return "1", nil }), http.StatusInternalServerError},
		{db.Local("app.tenant", func(context.Context) (string, error) { return "", gorm.ErrRecordNotFound }), http.StatusNotFound},
	} {
		a := serve(t, func(r gin.IRouter) { r.GET("", app.Handle(write)) }, func(c *settings) { c.session = []db.SessionOption{test.opt} })
		got := a.Do(t, http.MethodGet, "/t", "")
		if got.Status != test.status {
			t.Errorf("%d, want %d", got.Status, test.status)
		}
		if n := a.Rows(t); (n == 1) != (test.status == http.StatusOK) {
			t.Errorf("%d: %d rows", got.Status, n)
		}
	}
}

// TestSessionRecordNotFound is a 404, wrapped or not, and rolls back.
func TestSessionRecordNotFound(t *testing.T) {
	t.Parallel()
	for _, wrap := range []string{"%w", "find it: %w"} {
		a := servePost(t, func(_ *gin.Context, tx *gorm.DB) error {
			if err := sessionInsert(tx, "a"); err != nil {
				return err
			}
			return fmt.Errorf(wrap, tx.Table("test_things").Where("title = ?", "none such").Take(&map[string]any{}).Error)
		})
		if got := a.Do(t, http.MethodPost, "/t", ""); got.Status != http.StatusNotFound || a.Rows(t) != 0 {
			t.Errorf("%d, %d rows, want 404 and none", got.Status, a.Rows(t))
		}
	}
}
