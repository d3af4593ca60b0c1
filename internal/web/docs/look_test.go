package docs_test

import (
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/transcription-api/internal/web/webtest/browser"
)

const (
	heads = `[...document.querySelectorAll(".opblock-head")].map(e => e.checkVisibility())`
	// The tops of the required inputs of the open operations, and of the others, in their operation.
	inputs = `[...document.querySelectorAll(".opblock.is-open")].flatMap(o => {
		const top = s => [...o.querySelectorAll(s)].map(e => e.getBoundingClientRect().top)
		const needed = top(".opblock-section-request-body .opblock-section-header, tr:has(.parameter__name.required)"), other = top("tr:has(.parameter__name:not(.required))")
		return needed.length && other.length ? [Math.min(...other) - Math.max(...needed)] : [] })`
)

// checkLook looks at the page with operations open, at a desk and on a telephone, by day and by night.
func checkLook(t *testing.T, page *browser.Tab) {
	t.Helper()
	if shown := browser.In(t, page, chromedp.Evaluate[[]bool](heads)); len(shown) == 0 || shown[0] {
		t.Errorf("HEAD operations are shown: %v", shown)
	}
	if before := browser.In(t, page, chromedp.Evaluate[[]float64](inputs)); len(before) < 2 || min(before[0], before[1]) <= 0 {
		t.Errorf("required inputs are not before the others: %v", before)
	}
	page.CheckLook(t, "docs", ".info .title", ".info .renderedMarkdown p", ".opblock-tag", ".opblock-summary-path a", ".opblock-summary-description", ".opblock-description p",
		".parameter__name", ".parameter__type", "textarea", ".response-col_description p", ".headers .header-col", ".fold")
	browser.In(t, page, chromedp.Evaluate[bool](`document.getElementById("heads").click(), true`))
	if shown := browser.In(t, page, chromedp.Evaluate[[]bool](heads)); len(shown) == 0 || !shown[0] {
		t.Errorf("HEAD operations are not shown to who asks: %v", shown)
	}
}
