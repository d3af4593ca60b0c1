package app_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"
)

// leave sends a request whose client goes away when gone returns, and waits for its line in the access log.
func (a *served) leave(method, path, body string, gone func()) map[string]any {
	a.t.Helper()
	ctx, cancel := context.WithCancel(a.t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := a.Try(ctx, method, path, strings.NewReader(body))
		done <- err
	}()
	gone()
	cancel()
	if err := <-done; err == nil {
		a.t.Error("the client got an answer before it went")
	}
	return a.Logged(a.t, "request", "path", path)
}

// keeps checks that the scenario costs the pool no connection. A machine so slow that PostgreSQL needs more than half a
// second to cancel a statement loses it rightly, so it gets several tries.
func (a *served) keeps(scenario func()) {
	a.t.Helper()
	for range 5 {
		before := a.DB.Counters()
		scenario()
		a.idle()
		a.must(a.DB.WithSession(a.t.Context(), func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error }))
		if after := a.DB.Counters(); after.Opened == before.Opened && after.Invalidated == before.Invalidated {
			return
		}
	}
	a.t.Error("each time the connection was lost")
}

// sameBackend checks that the pool's one connection is the first that it opened.
func (a *served) sameBackend() {
	a.t.Helper()
	a.idle()
	a.must(a.DB.WithSession(a.t.Context(), func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error }))
	if c := a.DB.Counters(); c.Opened != 1 || c.Invalidated != 0 {
		a.t.Errorf("%d connections were opened and %d invalidated, want 1 and 0", c.Opened, c.Invalidated)
	}
}

func TestSessionClientGoneInAQuery(t *testing.T) {
	t.Parallel()
	a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
		_ = sessionBoast(c, tx)
		_ = tx.Exec("SELECT pg_sleep(60)").Error // swallowed: the session knows all the same
		return nil
	}, sessionPool(1, 0))
	a.keeps(func() {
		line := a.leave("POST", "/t", "", func() { a.running("%pg_sleep%") })
		if line["status"] != 499.0 {
			t.Errorf("logged: %v, want status 499", line)
		}
		if n := a.Rows(t); n != 0 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestSessionClientGoneBetweenStatements(t *testing.T) {
	t.Parallel()
	inserted := make(chan bool)
	a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
		err := sessionBoast(c, tx)
		close(inserted)
		<-c.Request.Context().Done()
		return err
	}, sessionPool(1, 0))
	line := a.leave("POST", "/t", "", func() { <-inserted })
	if line["status"] != 499.0 {
		t.Errorf("logged: %v, want status 499", line)
	}
	if n := a.Rows(t); n != 0 {
		t.Errorf("%d rows", n)
	}
	a.sameBackend()
}

// TestSessionClientGoneInCommit: it is too late to undo, and the log says that nobody knows of it.
func TestSessionClientGoneInCommit(t *testing.T) {
	t.Parallel()
	gone := make(chan context.Context, 1)
	a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
		gone <- c.Request.Context()
		return sessionBoast(c, tx)
	}, sessionPool(1, 0))
	a.trigger("PERFORM pg_advisory_xact_lock(4);")
	release := a.holdLock()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { _, _ = a.Try(ctx, "POST", "/t", nil) }()
	a.running("commit")
	cancel()
	<-(<-gone).Done() // the server knows
	release()
	if line := a.Logged(t, "request", "path", "/t"); line["status"] != 201.0 || line["client_gone"] != true {
		t.Errorf("logged: %v, want status 201 and client_gone", line)
	}
	if n := a.Rows(t); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
	a.sameBackend()
}

// TestSessionDeadline: REQUEST_TIMEOUT ends statements, and takes back what a handler did that does not look at it.
func TestSessionDeadline(t *testing.T) {
	t.Parallel()
	for name, work := range map[string]func(context.Context, *gorm.DB){
		"in a statement":      func(_ context.Context, tx *gorm.DB) { _ = tx.Exec("SELECT pg_sleep(60)").Error },
		"between statements":  func(ctx context.Context, _ *gorm.DB) { <-ctx.Done() },
		"waiting for a lock":  func(_ context.Context, tx *gorm.DB) { _ = tx.Exec("SELECT pg_advisory_xact_lock(4)").Error },
		"in a nested session": func(_ context.Context, tx *gorm.DB) { _ = tx.Transaction(sessionSleep) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
				_ = sessionBoast(c, tx)
				work(c.Request.Context(), tx)
				return nil
			}, sessionPool(1, 0), sessionLimit(2*time.Second))
			defer a.holdLock()()
			a.keeps(func() { a.refused(a.Do(t, "POST", "/t", ""), http.StatusGatewayTimeout) })
		})
	}
}

func sessionSleep(tx *gorm.DB) error { return tx.Exec("SELECT pg_sleep(60)").Error }

// TestSessionDeadlineWhileWaiting: a request whose time ends before it gets a connection.
func TestSessionDeadlineWhileWaiting(t *testing.T) {
	t.Parallel()
	a := servePost(t, sessionBoast, sessionPool(1, 0), sessionLimit(500*time.Millisecond))
	holder := a.DB.NewSession(t.Context())
	a.must(holder.DB().Exec("SELECT 1").Error)
	got := a.Do(t, "POST", "/t", "")
	if n := a.DB.Status().Timeouts; n != 0 {
		t.Errorf("%d pool time-outs are counted", n)
	}
	holder.Rollback()
	a.refused(got, http.StatusGatewayTimeout)
	a.sameBackend()
}
