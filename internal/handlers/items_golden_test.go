package handlers_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/web/webtest"
	"github.com/google/go-cmp/cmp"
)

var goldenUpdate = flag.Bool("update", false, "write the golden files anew")

// goldenStep is one request of the conversation: "METHOD path", headers, body. {1} is the first item's id, {cursor} the
// last page's next_cursor. before, if any, is done beside the API first, and what it returns after the answer.
type goldenStep struct {
	about   string
	request string
	headers []string
	body    string
	before  func(t *testing.T, s *webtest.Server) (after func())
}

// TestConversation plays every status of every route and compares it with testdata/items.golden, so that it is also a
// document of the API. go test -update writes it anew.
func TestConversation(t *testing.T) {
	t.Parallel()
	s := start(t, func(set *webtest.Settings) {
		set.API.APIKeys, set.API.MaxBodyBytes = []string{"KEY"}, 4000
		set.API.RequestTimeout, set.DB.PoolSize, set.DB.MaxOverflow, set.DB.PoolTimeout = 6*time.Second, 1, 0, 2*time.Second
	})
	g := &golden{ids: map[string]string{}}
	for _, step := range goldenSteps {
		after := func() {}
		if step.before != nil {
			after = step.before(t, s)
		}
		g.play(t, s, step)
		after()
	}
	file := filepath.Join("testdata", "items.golden")
	if *goldenUpdate {
		if err := os.WriteFile(file, []byte(g.text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(g.text.String(), "\n")); diff != "" {
		t.Errorf("-golden +now; if the change is meant: go test -run TestConversation -update\n%s", diff)
	}
}

// golden writes the conversation down with names for the values that no two runs share.
type golden struct {
	text   strings.Builder
	ids    map[string]string // of items: number in the conversation
	cursor string
}

var (
	goldenID     = regexp.MustCompile(`("id":|/items/)(\d+)\b`)
	goldenTime   = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"`)
	goldenCursor = regexp.MustCompile(`"next_cursor":"([^"]+)"`)
	goldenShown  = []string{"Allow", "Connection", "Content-Length", "Content-Type", "Etag", "Idempotent-Replayed", "Location", "Retry-After", "Www-Authenticate"}
)

func (g *golden) play(t *testing.T, s *webtest.Server, step goldenStep) {
	t.Helper()
	method, path, _ := strings.Cut(step.request, " ")
	path = strings.ReplaceAll(path, "{cursor}", g.cursor)
	for id, name := range g.ids {
		path = strings.ReplaceAll(path, name, id)
	}
	headers := append([]string{"Authorization: Bearer KEY", "X-Request-ID: REQUEST"}, step.headers...)
	if slices.Contains(step.headers, "Authorization:") {
		headers = headers[1:]
	}
	answer := s.Do(t, method, path, step.body, headers...)
	fmt.Fprintf(&g.text, "# %s\n%s\n", step.about, step.request)
	for _, header := range step.headers {
		g.text.WriteString(header + "\n")
	}
	if step.body != "" {
		fmt.Fprintf(&g.text, "\n%s\n", shorten(step.body))
	}
	g.write(answer, method == http.MethodHead)
}

func (g *golden) write(answer webtest.Answer, isHead bool) {
	fmt.Fprintf(&g.text, "\n=> %d %s\n", answer.Status, http.StatusText(answer.Status))
	for _, name := range goldenShown {
		// A body that is there shows its own length.
		if value := answer.Header.Get(name); value != "" && (name != "Content-Length" || isHead && value != "0") {
			if name == "Content-Length" {
				value = "LENGTH"
			}
			fmt.Fprintf(&g.text, "%s: %s\n", name, g.stable(value))
		}
	}
	if found := goldenCursor.FindStringSubmatch(answer.Body); found != nil {
		g.cursor = found[1]
	}
	if answer.Body != "" {
		fmt.Fprintf(&g.text, "\n%s\n", g.stable(answer.Body))
	}
	g.text.WriteString("\n")
}

// stable numbers ids in the order of their appearance.
func (g *golden) stable(text string) string {
	text = goldenTime.ReplaceAllString(text, `"TIME"`)
	text = goldenCursor.ReplaceAllString(text, `"next_cursor":"CURSOR"`)
	return goldenID.ReplaceAllStringFunc(text, func(match string) string {
		parts := goldenID.FindStringSubmatch(match)
		if g.ids[parts[2]] == "" {
			g.ids[parts[2]] = fmt.Sprintf("{%d}", len(g.ids)+1)
		}
		return parts[1] + g.ids[parts[2]]
	})
}

func shorten(text string) string {
	if len(text) > 300 {
		return fmt.Sprintf("%s… (%d bytes)", text[:20], len(text))
	}
	return text
}
