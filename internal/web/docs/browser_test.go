package docs_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/webtest"
)

// browserLimit is for everything that a browser test does. A machine that is
// busy with other tests takes half a minute to start a browser.
const browserLimit = 4 * time.Minute

// tab is a page in a real browser, and all that it complained about.
type tab struct {
	ctx      context.Context
	mu       sync.Mutex
	faults   []string // console errors, exceptions, breaches of the policy, failed requests
	requests []string
}

// openTab starts a browser of its own, with an empty profile.
func openTab(t *testing.T) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a browser")
	}
	ctx, cancel := context.WithTimeout(t.Context(), browserLimit)
	t.Cleanup(cancel)
	options := append(
		slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(browserLimit),
		chromedp.WindowSize(1280, 1600), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	page := &tab{ctx: ctx}
	if err := chromedp.Listen(ctx, page.hear); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	return page
}

// chromium fails the test where there is none: the page must not go untested in silence.
func chromium(t *testing.T) string {
	t.Helper()
	return dbtest.Program(t, "chromium", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "headless-shell")
}

// in runs an action in the page.
func in[T any](t *testing.T, p *tab, action chromedp.Action[T]) T {
	t.Helper()
	result, err := chromedp.Run(p.ctx, action)
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		t.Fatalf("in the browser: %v; the page's faults: %q", err, p.faults)
	}
	return result
}

func (p *tab) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	case *network.EventLoadingFailed:
		p.faults = append(p.faults, "loading failed: "+e.ErrorText)
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.faults = append(p.faults, e.Entry.Text)
		}
	case *runtime.EventExceptionThrown:
		p.faults = append(p.faults, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			p.faults = append(p.faults, fmt.Sprintf("console: %s %s", e.Args[0].Value, e.Args[0].Description))
		}
	}
}

// checkQuiet fails the test if the page complained, or asked any other host.
func (p *tab) checkQuiet(t *testing.T, address string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, fault := range p.faults {
		t.Errorf("the page complains: %s", fault)
	}
	for _, request := range p.requests {
		u, err := url.Parse(request)
		if err != nil || u.Scheme != "data" && !strings.HasPrefix(request, address+"/") {
			t.Errorf("the page asks for %s", request)
		}
	}
}

// press clicks what is visible. The page does it: a mouse would miss what is
// still sliding open.
func (p *tab) press(t *testing.T, selector string) {
	t.Helper()
	in(t, p, chromedp.WaitVisible(chromedp.CSS(selector)))
	in(t, p, chromedp.Evaluate[bool](fmt.Sprintf("document.querySelector(%q).click(), true", selector)))
}

// screenshot leaves a picture for who runs the test with -artifacts.
func (p *tab) screenshot(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name), in(t, p, chromedp.FullScreenshot(100)), 0o644); err != nil {
		t.Fatal(err)
	}
}

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
	page := openTab(t)
	s := webtest.StartThings(t, func(set *webtest.Settings) { set.API.CORSAllowedOrigins = []string{"https://elsewhere.example"} })
	address := s.URL
	in(t, page, chromedp.Navigate(address+"/")) // which leads to /docs
	in(t, page, chromedp.WaitVisible(chromedp.CSS(createThing)))
	described := in(t, page, chromedp.Evaluate[[]string](describedOperations, chromedp.EvalAwaitPromise))
	if diff := cmp.Diff(described, in(t, page, chromedp.Evaluate[[]string](listedOperations))); diff != "" || len(described) == 0 {
		t.Errorf("operations in the document (-) and on the page (+):\n%s", diff)
	}

	page.press(t, createThing+".opblock-summary-control")
	in(t, page, chromedp.Evaluate[bool](executeItem, chromedp.EvalAwaitPromise))
	status := in(t, page, chromedp.Text(chromedp.CSS(createThing+".live-responses-table tbody .response-col_status")))
	if !strings.HasPrefix(strings.TrimSpace(status), "201") {
		t.Errorf("the page shows the status %q, want 201", status)
	}
	page.press(t, updateThing+".opblock-summary-control")
	in(t, page, chromedp.WaitVisible(chromedp.CSS(updateThing+"textarea")))
	checkLook(t, page)
	page.checkQuiet(t, address)

	var title, audio string
	err := dbtest.Connect(t, s.Database).QueryRow(t.Context(), `SELECT title, link FROM test_things`).Scan(&title, &audio)
	if err != nil || title != "Interview" || audio != "https://example.com/a.wav" {
		t.Errorf("the table has %q, %q: %v", title, audio, err)
	}
}
