package docs_test

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/webtest"
	"example.com/transcription-api/internal/web/webtest/browser"
)

const (
	listedOperations = `[...document.querySelectorAll(".opblock-summary")].map(s =>
		s.querySelector(".opblock-summary-method").textContent + " " + s.querySelector(".opblock-summary-path").dataset.path).sort()`
	describedOperations = `fetch("openapi.json").then(r => r.json()).then(d => Object.entries(d.paths).flatMap(([path, operations]) =>
		Object.keys(operations).map(method => method.toUpperCase() + " " + path)).sort())`
	createThing = "#operations-things-createThing "
	updateThing = "#operations-things-updateThing "
	// The page ignores the button until it has resolved the operation, so it is pressed until there is an answer.
	executeItem = `new Promise(done => { const press = setInterval(() => {
		const operation = document.querySelector("#operations-things-createThing")
		if (operation.querySelector(".live-responses-table")) { clearInterval(press); done(true) }
		else if (!operation.querySelector(".loading-container")) operation.querySelector(".execute")?.click()
	}, 500) })`
)

// The page lists every operation of the document, needs nothing from elsewhere,
// and can post a thing: its Origin is the service's own, so CORS has no say.
func TestDocsInBrowser(t *testing.T) {
	t.Parallel()
	page := browser.Open(t)
	s := webtest.StartThings(t, func(set *webtest.Settings) { set.API.CORSAllowedOrigins = []string{"https://elsewhere.example"} })
	address := s.URL
	browser.In(t, page, chromedp.Navigate(address+"/")) // which leads to /docs
	browser.In(t, page, chromedp.WaitVisible(chromedp.CSS(createThing)))
	described := browser.In(t, page, chromedp.Evaluate[[]string](describedOperations, chromedp.EvalAwaitPromise))
	if diff := cmp.Diff(described, browser.In(t, page, chromedp.Evaluate[[]string](listedOperations))); diff != "" || len(described) == 0 {
		t.Errorf("operations in the document (-) and on the page (+):\n%s", diff)
	}

	page.Press(t, createThing+".opblock-summary-control")
	browser.In(t, page, chromedp.Evaluate[bool](executeItem, chromedp.EvalAwaitPromise))
	status := browser.In(t, page, chromedp.Text(chromedp.CSS(createThing+".live-responses-table tbody .response-col_status")))
	if !strings.HasPrefix(strings.TrimSpace(status), "201") {
		t.Errorf("the page shows the status %q, want 201", status)
	}
	page.Press(t, updateThing+".opblock-summary-control")
	browser.In(t, page, chromedp.WaitVisible(chromedp.CSS(updateThing+"textarea")))
	checkLook(t, page)
	page.CheckQuiet(t, address)

	var title, audio string
	err := dbtest.Connect(t, s.Database).QueryRow(t.Context(), `SELECT title, link FROM test_things`).Scan(&title, &audio)
	if err != nil || title != "Interview" || audio != "https://example.com/a.wav" {
		t.Errorf("the table has %q, %q: %v", title, audio, err)
	}
}
