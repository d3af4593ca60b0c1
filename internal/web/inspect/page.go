package inspect

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web"
)

//go:embed page.html
var pageText string

//go:embed page.css
var style string

var page = template.Must(template.New("page").Parse(pageText))

// policy lets the page have its own style, and nothing else: no script, no host.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// view is what the page shows of a request. Times are in milliseconds.
type view struct {
	At, Method, Path, ID, Took, Wait, Held string
	Status, Statements, More               int
	Repeated                               bool
	Rows                                   []row
}

type row struct {
	At, Took, Text, Error string
	Places                []string
	Times                 int // how often it was sent, at its first time; 0: not in a loop
}

// RefuseOthers keeps web pages of other origins from reading the page, those of CORS included, and whoever comes through a
// proxy or a tunnel to this machine.
func RefuseOthers(c *gin.Context) {
	if header := c.Request.Header; header.Get("X-Forwarded-For") != "" || header.Get("Forwarded") != "" || header.Get("Via") != "" {
		_ = c.Error(&web.Problem{Status: http.StatusForbidden, Detail: "This page is for the machine that serves it: open it there, and not through a proxy."})
		c.Abort()
		return
	}
	site := c.GetHeader("Sec-Fetch-Site") // sent by browsers only; Origin, too, by those that do not send it
	if site != "" && site != "same-origin" && site != "none" || c.GetHeader("Origin") != "" {
		_ = c.Error(&web.Problem{Status: http.StatusForbidden, Detail: "This page is not for pages of other origins: open it by its address."})
		c.Abort()
	}
}

// Page serves the page.
func (q *Requests) Page(c *gin.Context) {
	var views []view
	folder, _ := os.Getwd() // unknown: places are shown in full
	for _, r := range q.newest() {
		views = append(views, r.view(folder+"/"))
	}
	var text bytes.Buffer
	if err := page.Execute(&text, map[string]any{"Style": template.CSS(style), "Requests": views, "Most": maxRequests}); err != nil {
		_ = c.Error(fmt.Errorf("inspect: %w", err))
		return
	}
	c.Header("Content-Security-Policy", policy)
	c.Header("Cache-Control", "no-store")
	c.Data(http.StatusOK, "text/html; charset=utf-8", text.Bytes())
}

func (r *request) view(folder string) view {
	r.mu.Lock()
	defer r.mu.Unlock()
	v := view{At: r.start.Format("15:04:05.000"), Method: r.method, Path: r.path, ID: r.id, Status: r.status, Took: ms(r.took), More: r.more}
	if r.status == 0 {
		v.Took = ms(time.Since(r.start))
	}
	got := r.waited.Start.Add(r.waited.Took)
	if !r.waited.Start.IsZero() {
		v.Wait, v.Held = ms(r.waited.Took), ms(time.Since(got))+" ms so far"
	}
	if !r.released.IsZero() {
		v.Held = ms(r.released.Sub(got)) + " ms"
	}
	told := map[string]bool{}
	for i, e := range r.events {
		line := row{At: ms(e.Start.Sub(r.start)), Took: ms(e.Took), Text: e.Statement}
		if e.Err != nil {
			line.Error = e.Err.Error()
		}
		switch kindOf(e) {
		case begin:
			line.begin(r, i, got)
		case statement:
			v.Statements++
			line.Places = places(e, folder)
			if n := r.sent[e.Statement]; n >= repeats && !told[e.Statement] {
				line.Times, told[e.Statement], v.Repeated = n, true, true
			}
		}
		v.Rows = append(v.Rows, line)
	}
	v.Statements += r.more
	return v
}

// begin: BEGIN counts from when there was a connection, and has no time of its own where it travels with a statement.
func (l *row) begin(r *request, i int, got time.Time) {
	if r.waited.Start.IsZero() {
		return // there was none
	}
	e := r.events[i]
	l.At, l.Took = ms(got.Sub(r.start)), ms(e.Start.Add(e.Took).Sub(got))
	for _, next := range r.events[i+1:] {
		if kindOf(next) == statement && next.Start.Before(e.Start.Add(e.Took)) {
			l.Took = ""
		}
	}
}

// places are the lines of code from which the statement came: those of the service, or else of the machinery.
func places(e db.Event, folder string) (list []string) {
	for _, frame := range e.Callers {
		machinery := strings.Contains(frame.Function, "/internal/web/app.") || strings.HasPrefix(frame.Function, "github.com/gin-gonic/")
		if machinery && len(list) > 0 {
			break
		}
		list = append(list, fmt.Sprintf("%s:%d", strings.TrimPrefix(frame.File, folder), frame.Line))
	}
	return list
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }
