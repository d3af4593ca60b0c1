package inspect_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/transcription-api/internal/web/inspect"
	"example.com/transcription-api/internal/web/webtest/browser"
)

// TestRequestsInBrowser: what was sent in a loop is open and marked, all else opens by a click; the page runs nothing and
// asks for nothing.
func TestRequestsInBrowser(t *testing.T) {
	t.Parallel()
	page := browser.Open(t)
	s := serve(t)
	path := s.Create(t)
	for _, path := range []string{path, "/hostile", "/things?limit=5", "/nothing", "/loop"} {
		s.Do(t, "GET", path, "")
	}
	finished(t, s, "/loop")
	browser.In(t, page, chromedp.Navigate(s.URL+inspect.Path))
	const open = `[...document.querySelectorAll("details[open]")].map(e => e.querySelector("summary code").textContent)`
	if got := browser.In(t, page, chromedp.Evaluate[[]string](open)); len(got) != 1 || got[0] != "/loop" {
		t.Errorf("open are %q", got)
	}
	page.Press(t, "details:not([open]) summary:has(.bad)")
	if got := browser.In(t, page, chromedp.Evaluate[[]string](open)); len(got) != 2 {
		t.Errorf("open are %q", got)
	}
	page.CheckLook(t, "requests", "h1", "header p", "summary code", "time", ".good", ".warn", ".bad", "strong", "li code", ".at", ".place", ".error", ".facts")
	page.CheckQuiet(t, s.URL)
}
