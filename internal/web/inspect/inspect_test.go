package inspect_test

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/inspect"
	"example.com/transcription-api/internal/web/openapi"
	"example.com/transcription-api/internal/web/webtest"
)

// shelves is an API whose routes ask in the ways that the page is to show.
func shelves(o app.Options) (http.Handler, error) {
	api := webtest.Things()
	things := api.Routes
	api.Routes = func(tx app.Tx) []openapi.Route {
		route := func(path, name string, fn app.Handler) openapi.Route {
			return openapi.Route{Method: "GET", Path: path, Tag: "things", Name: name, Summary: name, Serve: tx(fn), Replies: []openapi.Reply{{Status: 204}}}
		}
		return append(things(tx), route("/loop", "loop", loop), route("/hostile", "hostile", hostile), route("/twice", "twice", twice))
	}
	return app.New(o, api)
}

// loop asks for each row by itself.
func loop(c *gin.Context, tx *gorm.DB) error { return titles(c, tx, 5) }

// twice is no loop.
func twice(c *gin.Context, tx *gorm.DB) error { return titles(c, tx, 2) }

func titles(c *gin.Context, tx *gorm.DB, n int) error {
	var title string
	for id := range n {
		if err := tx.Raw("SELECT title FROM test_things WHERE id = ?", id).Scan(&title).Error; err != nil {
			return err
		}
	}
	c.Status(http.StatusNoContent)
	return nil
}

const evil = `<script>alert("sql")</script><img src=x onerror=alert(1)>`

// hostile has markup in a statement, and fails.
func hostile(_ *gin.Context, tx *gorm.DB) error {
	return tx.Exec("SELECT '"+evil+"', nothing, ?::text", "s3cret-value").Error
}

// serve serves the API with the page.
func serve(t *testing.T, change ...func(*webtest.Settings)) *webtest.Server {
	t.Helper()
	return webtest.Start(t, shelves, append([]func(*webtest.Settings){func(s *webtest.Settings) {
		s.DB.URL, s.API.Inspect, s.API.OnlyLocal = dbtest.Things(t), true, true
	}}, change...)...)
}

// entry is what the page says of the newest request with a path, as text.
func entry(t *testing.T, s *webtest.Server, path string) string {
	t.Helper()
	answer := s.Do(t, "GET", inspect.Path, "")
	if answer.Status != http.StatusOK {
		t.Fatalf("the page: %s", answer.Summary())
	}
	for _, part := range strings.Split(answer.Body, "<details")[1:] {
		if strings.Contains(part, "<code>"+path+"</code>") {
			return strings.Join(strings.Fields(html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(part, " "))), " ")
		}
	}
	t.Fatalf("the page has no request of %s:\n%s", path, answer.Body)
	return ""
}

// finished is entry once the COMMIT has come, which a reader's answer does not wait for.
func finished(t *testing.T, s *webtest.Server, path string) (text string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		if text = entry(t, s, path); strings.Contains(text, " COMMIT") || strings.Contains(text, " ROLLBACK") {
			return text
		}
		if time.Now().After(end) {
			t.Fatalf("no end of the transaction in %s", text)
		}
	}
}

func want(t *testing.T, text, pattern string) {
	t.Helper()
	if !regexp.MustCompile(pattern).MatchString(text) {
		t.Errorf("%s\ndoes not match %s", text, pattern)
	}
}

func TestRequests(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.Create(t)
	const num, place = `\d+\.\d\d`, `inspect_test\.go:\d+`
	want(t, finished(t, s, "/things"), `POST /things 201 `+num+` ms 1 sql waited `+num+` ms for the connection, held it for `+num+` ms; request id \w+ `+
		num+` with the next BEGIN `+num+` `+num+` ms INSERT INTO "test_things" .*/things\.go:\d+ `+num+` `+num+` ms COMMIT$`)
	s.Do(t, "GET", "/loop?token=s3cret", "")
	loop := finished(t, s, "/loop")
	want(t, loop, `GET /loop 204 `+num+` ms 5 sql N\+1 waited .* BEGIN READ ONLY `+num+` `+num+` ms SELECT title FROM test_things WHERE id = \$1 `+
		`N\+1: sent 5 times\. Can one statement do it\? `+place+` ← `+place)
	if n := strings.Count(loop, "N+1:"); n != 1 || strings.Contains(loop, "s3cret") {
		t.Errorf("the statement is marked %d times, or the query string is shown: %s", n, loop)
	}
	s.Do(t, "GET", "/twice", "")
	if text := finished(t, s, "/twice"); strings.Contains(text, "N+1") {
		t.Errorf("two are a loop: %s", text)
	}
	s.Do(t, "POST", "/things", "{")
	want(t, entry(t, s, "/things"), `POST /things 400 `+num+` ms 0 sql no connection was taken; request id \w+$`)
	for _, path := range []string{"/health/live", inspect.Path} {
		s.Do(t, "GET", path, "")
	}
	if body := s.Do(t, "GET", inspect.Path, "").Body; strings.Contains(body, "<code>/health/live") || strings.Contains(body, "<code>"+inspect.Path) {
		t.Error("probes or the page itself are among the requests")
	}
}

// TestHostileRequests: neither a statement, nor a path or an error is markup, no value is shown, and a failure is told.
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.Do(t, "GET", "/hostile", "")
	want(t, finished(t, s, "/hostile"), `GET /hostile 500 .* \$1::text ERROR: column "nothing" does not exist \(SQLSTATE 42703\) .* ROLLBACK$`)
	s.Do(t, "GET", "/%3Cscript%3Ealert(1)%3C/script%3E/%E2%80%AE", "", "X-Request-ID: <b>id</b>")
	body := s.Do(t, "GET", inspect.Path, "").Body
	for _, bad := range []string{"<script", "<img", "<b>id", "s3cret-value", "\u202e"} {
		if strings.Contains(body, bad) {
			t.Errorf("%s is in the page as it is", bad)
		}
	}
	for _, good := range []string{html.EscapeString("<script>alert("), "/%3Cscript%3Ealert(1)"} {
		if !strings.Contains(body, good) {
			t.Errorf("%s is not in the page", good)
		}
	}
}

// TestLastRequests: the page keeps 200, and what they hold is bounded.
func TestLastRequests(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.Create(t)
	for n := range 230 {
		s.Do(t, "GET", fmt.Sprintf("/nothing/%d%s", n, strings.Repeat("x", 2000)), "")
	}
	body := s.Do(t, "GET", inspect.Path, "").Body
	if n := strings.Count(body, "<details"); n != 200 {
		t.Errorf("%d requests", n)
	}
	if strings.Contains(body, "/nothing/29x") || !strings.Contains(body, "/nothing/30x") || strings.Contains(body, strings.Repeat("x", 1001)) {
		t.Error("it does not keep the last ones, or their whole paths")
	}
	if first, last := strings.Index(body, "/nothing/229x"), strings.Index(body, "/nothing/30x"); first > last {
		t.Error("the newest is not first")
	}
}

// TestWhoMayRead: pages of other origins, other names and proxies may not. A key is not needed where there are keys: a
// browser has none to send.
func TestWhoMayRead(t *testing.T) {
	t.Parallel()
	s := serve(t, func(set *webtest.Settings) {
		set.API.CORSAllowedOrigins, set.API.APIKeys = []string{"https://app.example"}, []string{"a-key"}
	})
	for _, row := range []struct {
		status  int
		headers []string
	}{
		{200, nil},
		{200, []string{"Authorization: Bearer a-key"}},
		{200, []string{"Sec-Fetch-Site: none"}},
		{200, []string{"Sec-Fetch-Site: same-origin"}},
		{403, []string{"Sec-Fetch-Site: cross-site"}},
		{403, []string{"Sec-Fetch-Site: same-site"}},
		{403, []string{"Origin: https://app.example"}},
		{403, []string{"Origin: null"}},
		{403, []string{"X-Forwarded-For: 192.0.2.1"}},
		{403, []string{"Forwarded: for=192.0.2.1"}},
		{403, []string{"Via: 1.1 proxy"}},
	} {
		answer := s.Do(t, "GET", inspect.Path, "", row.headers...)
		if answer.Status != row.status {
			t.Errorf("%v: %s, want %d", row.headers, answer.Summary(), row.status)
		}
		if answer.Status == http.StatusOK && answer.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("it may be kept: %v", answer.Header)
		}
	}
	if answer := s.Do(t, "HEAD", inspect.Path, ""); answer.Status != http.StatusOK || answer.Body != "" {
		t.Errorf("HEAD: %s", answer.Summary())
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+inspect.Path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "evil.example"
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if _ = answer.Body.Close(); answer.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("asked by another name: %d", answer.StatusCode)
	}
}

// TestNotServed: without Options.Inspect there is nothing at the path, and the document never has it.
func TestNotServed(t *testing.T) {
	t.Parallel()
	s := serve(t, func(set *webtest.Settings) { set.API.Inspect = false })
	unknown := s.Do(t, "GET", "/dev/unknown", "", "X-Request-ID: r1")
	answer := s.Do(t, "GET", inspect.Path, "", "X-Request-ID: r1")
	if answer.Status != http.StatusNotFound || answer.Body != unknown.Body {
		t.Errorf("%d %s, want it to be as any unknown path: %s", answer.Status, answer.Body, unknown.Body)
	}
	if document := serve(t).Do(t, "GET", "/openapi.json", "").Body; strings.Contains(document, inspect.Path) {
		t.Error("the page is in the document")
	}
}
