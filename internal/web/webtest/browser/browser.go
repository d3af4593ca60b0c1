// Package browser opens pages in a real browser, in tests, and holds them to being quiet and at home.
package browser

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

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"example.com/transcription-api/internal/db/dbtest"
)

// limit is for everything that a browser test does. A machine that is
// busy with other tests takes half a minute to start a browser.
const limit = 4 * time.Minute

// Tab is a page in a real browser, and all that it complained about.
type Tab struct {
	ctx      context.Context
	mu       sync.Mutex
	faults   []string // console errors, exceptions, breaches of the policy, failed requests
	requests []string
}

// Open starts a browser of its own, with an empty profile.
func Open(t *testing.T) *Tab {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a browser")
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	t.Cleanup(cancel)
	options := append(
		slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.WSURLReadTimeout(limit),
		chromedp.WindowSize(1280, 1600), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
	)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	page := &Tab{ctx: ctx}
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

// In runs an action in the page.
func In[T any](t *testing.T, p *Tab, action chromedp.Action[T]) T {
	t.Helper()
	result, err := chromedp.Run(p.ctx, action)
	if err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		t.Fatalf("in the browser: %v; the page's faults: %q", err, p.faults)
	}
	return result
}

func (p *Tab) hear(event any) {
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

// CheckQuiet fails the test if the page complained, or asked any other host.
func (p *Tab) CheckQuiet(t *testing.T, address string) {
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

// Press clicks what is visible. The page does it: a mouse would miss what is
// still sliding open.
func (p *Tab) Press(t *testing.T, selector string) {
	t.Helper()
	In(t, p, chromedp.WaitVisible(chromedp.CSS(selector)))
	In(t, p, chromedp.Evaluate[bool](fmt.Sprintf("document.querySelector(%q).click(), true", selector)))
}

// Screenshot leaves a picture for who runs the test with -artifacts.
func (p *Tab) Screenshot(t *testing.T, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name), In(t, p, chromedp.FullScreenshot(100)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Prefer makes the browser one whose reader prefers dark or light pages.
func Prefer(scheme string) chromedp.Action[cdp.Empty] {
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	return func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	}
}
