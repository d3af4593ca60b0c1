package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

type slowBody struct {
	Title string `json:"title"`
	Link  string `json:"link"`
}

// TestSessionSlowUploader: a body that trickles in holds no connection.
func TestSessionSlowUploader(t *testing.T) {
	t.Parallel()
	types, err := web.NewTypes(nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := types.Request(slowBody{})
	if err != nil {
		t.Fatal(err)
	}
	reached := make(chan bool)
	a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
		close(reached)
		web.Expect(body, nil)(c)
		if _, err := web.BindJSON[slowBody](c); err != nil {
			return err
		}
		c.Status(http.StatusCreated)
		return sessionInsert(tx, "slow")
	}, sessionPool(1, 0))
	conn := dial(t, a.Server)
	fmt.Fprintf(conn, "POST /t HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(webtest.Body), webtest.Body[:10])
	<-reached
	if got := a.Do(t, "POST", "/things", webtest.Body); got.Status != http.StatusCreated {
		t.Errorf("another request: %d", got.Status)
	}
	if s, n := a.DB.Status(), a.DB.Counters().Acquires; s.CheckedOut != 0 || n != 1 || a.openTransactions() != 0 {
		t.Errorf("%+v, %d connections were taken, %d transactions are open", s, n, a.openTransactions())
	}
	fmt.Fprint(conn, webtest.Body[10:])
	if answer, _ := readAnswer(t, conn); answer.Status != http.StatusCreated || a.Rows(t) != 2 {
		t.Errorf("the slow one: %d, %d rows", answer.Status, a.Rows(t))
	}
}

// TestSessionSlowReader: an answer that nobody reads is held by the kernel and by net/http, not by a transaction.
func TestSessionSlowReader(t *testing.T) {
	t.Parallel()
	a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
		c.Data(http.StatusCreated, "text/plain", bytes.Repeat([]byte("OWN "), 4<<20)) // more than socket buffers hold
		return sessionInsert(tx, "a")
	}, sessionPool(1, 0))
	conn := dial(t, a.Server)
	fmt.Fprint(conn, "POST /t HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
	dbtest.Eventually(t, "the row is committed", func() bool { return a.Rows(t) == 1 })
	a.idle()
	if got := a.Do(t, "POST", "/things", webtest.Body); got.Status != http.StatusCreated {
		t.Errorf("another request: %d", got.Status)
	}
	if n := len(a.Log.Lines(t, "request")); n != 1 {
		t.Errorf("%d requests are over, want the other only: this one's answer was swallowed, and the test tests nothing", n)
	}
}

// TestSessionAnswerTooLarge: an answer that can not be held is an error, and its work is undone.
func TestSessionAnswerTooLarge(t *testing.T) {
	t.Parallel()
	a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
		c.Header("Location", "/own")
		part := bytes.Repeat([]byte("OWN "), 1<<20)
		for range app.MaxHeld/len(part) + 1 {
			_, _ = c.Writer.Write(part) // swallowed
		}
		return sessionInsert(tx, "a")
	})
	a.refused(a.Do(t, "POST", "/t", ""), http.StatusInternalServerError)
	lines := a.Log.Lines(t, "request failed")
	if len(lines) != 1 || lines[0]["error"] != app.ErrHeldTooLarge.Error() {
		t.Errorf("logged: %v", lines)
	}
}

// TestSessionWriter: nothing gets past the writer that holds the answer.
func TestSessionWriter(t *testing.T) {
	t.Parallel()
	a := servePost(t, func(c *gin.Context, tx *gorm.DB) error {
		if conn, _, err := http.NewResponseController(c.Writer).Hijack(); err == nil {
			t.Error("the connection could be taken over")
			conn.Close() // else the client waits for ever
			return nil
		}
		c.String(http.StatusCreated, "OWN ")
		if err := http.NewResponseController(c.Writer).Flush(); err != nil {
			t.Error(err)
		}
		if w := c.Writer; w.Size() != 4 || !w.Written() || w.Status() != http.StatusCreated {
			t.Errorf("size %d, written %v, status %d", w.Size(), w.Written(), w.Status())
		}
		return tx.Exec("SELECT nothing").Error
	})
	a.refused(a.Do(t, "POST", "/t", ""), http.StatusInternalServerError)
}

// TestSessionNeedsOneConnection: many requests at once on one connection; none waits for a second one while it holds it.
func TestSessionNeedsOneConnection(t *testing.T) {
	t.Parallel()
	a := serve(t, nil, sessionPool(1, 0))
	const clients = 8
	results := make(chan error, clients)
	for range clients {
		go func() { results <- a.conversation(t.Context()) }()
	}
	for range clients {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if s := a.DB.Status(); s.Timeouts != 0 || s.CheckedOut != 0 {
		t.Errorf("%+v", s)
	}
	a.sameBackend()
}

// conversation makes one request of each kind.
func (a *served) conversation(ctx context.Context) error {
	created, err := a.Try(ctx, "POST", "/things", strings.NewReader(webtest.Body))
	if err != nil {
		return err
	}
	path := created.Header.Get("Location")
	for _, step := range []struct {
		method, path, body string
		want               int
	}{
		{"GET", path, "", 200},
		{"HEAD", path, "", 200},
		{"GET", "/things?limit=5", "", 200},
		{"PATCH", path, `{"status":"processing"}`, 200},
		{"PATCH", path, `{"status":"processing"}`, 409},
		{"DELETE", path, "", 204},
		{"DELETE", path, "", 404},
	} {
		got, err := a.Try(ctx, step.method, step.path, strings.NewReader(step.body))
		if err != nil {
			return err
		}
		if got.Status != step.want {
			return fmt.Errorf("%s %s: %d, want %d: %s", step.method, step.path, got.Status, step.want, got.Body)
		}
	}
	return nil
}
