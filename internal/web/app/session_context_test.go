package app_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/query"
)

// TestSessionHandlerBringsItsOwnContext: a handler leaves the request with a context that ends with the handler. That says
// nothing of the client, which is there and gets the answer, and the change is saved.
func TestSessionHandlerBringsItsOwnContext(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		result error
		status int
		rows   int
	}{
		"saved":     {nil, http.StatusCreated, 1},
		"not found": {query.ErrNotFound, http.StatusNotFound, 0},
		"failing":   {gorm.ErrInvalidData, http.StatusInternalServerError, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handler := func(c *gin.Context, tx *gorm.DB) error {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				c.Request = c.Request.WithContext(ctx)
				if err := onceInsert(c, tx.WithContext(ctx)); err != nil {
					return err
				}
				return test.result
			}
			for _, key := range []string{"", underKey + "a"} {
				a := onceServe(t, handler)
				headers := []string{"X-Request-ID: mine"}
				if key != "" {
					headers = append(headers, key)
				}
				got := a.Do(t, http.MethodPost, "/t", "title", headers...)
				if got.Status != test.status || a.Rows(t) != test.rows || test.result == nil && got.Body != "stored title" {
					t.Errorf("%q: %v, %d rows", key, got, a.Rows(t))
				}
				if again := a.Do(t, http.MethodPost, "/t", "title", headers...); key != "" && (again.Status != test.status || again.Body != got.Body) {
					t.Errorf("the same key again: %v", again)
				}
				if line := a.Logged(t, "request", "request_id", "mine"); line["client_gone"] != nil {
					t.Errorf("logged: %v", line)
				}
			}
		})
	}
}

// TestSessionHandlerSetsAShorterLimit: it is over, so the answer is that of the request's own limit.
func TestSessionHandlerSetsAShorterLimit(t *testing.T) {
	t.Parallel()
	a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
		ctx, cancel := context.WithTimeout(c.Request.Context(), time.Millisecond)
		defer cancel()
		c.Request = c.Request.WithContext(ctx)
		return fmt.Errorf("wait: %w", tx.WithContext(ctx).Exec("SELECT pg_sleep(60)").Error)
	})
	if got := a.Do(t, http.MethodPost, "/t", ""); got.Status != http.StatusGatewayTimeout {
		t.Errorf("%v, want 504", got)
	}
	a.idle()
}
