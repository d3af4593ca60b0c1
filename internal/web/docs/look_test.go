package docs_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// prefer makes the browser one whose reader prefers dark or light pages.
func prefer(scheme string) chromedp.Action[cdp.Empty] {
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	return func(ctx context.Context, t *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features})
	}
}

const (
	overhang = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && e.checkVisibility())
		.slice(0, 5).map(e => e.tagName + "." + e.className)`
	scrolls = `document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth`
	heads   = `[...document.querySelectorAll(".opblock-head")].map(e => e.checkVisibility())`
	// What is read, and how it stands out from what is behind it (WCAG 2.2, 1.4.3).
	contrasts = `(() => {
		const channels = colour => colour.match(/[\d.]+/g).map(Number)
		const light = colour => { const [r, g, b] = channels(colour).slice(0, 3).map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
			return 0.2126 * r + 0.7152 * g + 0.0722 * b }
		const behind = e => { for (; e; e = e.parentElement) { const [,,, a = 1] = channels(getComputedStyle(e).backgroundColor); if (a > 0.5) return getComputedStyle(e).backgroundColor }
			return "rgb(255, 255, 255)" }
		return Object.fromEntries([".info .title", ".info .renderedMarkdown p", ".opblock-tag", ".opblock-summary-path a", ".opblock-summary-description", ".opblock-description p",
			".parameter__name", ".parameter__type", "textarea", ".response-col_description p", ".headers .header-col", ".fold"].flatMap(s => {
			const e = document.querySelector(s)
			if (!e) return [[s, 0]]
			const [a, b] = [light(getComputedStyle(e).color), light(behind(e))]
			return [[s, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]]
		})) })()`
	background = `getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).slice(0, 3).map(Number)`
	// The tops of the required inputs of the open operations, and of the others, in their operation.
	inputs = `[...document.querySelectorAll(".opblock.is-open")].flatMap(o => {
		const top = s => [...o.querySelectorAll(s)].map(e => e.getBoundingClientRect().top)
		const needed = top(".opblock-section-request-body .opblock-section-header, tr:has(.parameter__name.required)"), other = top("tr:has(.parameter__name:not(.required))")
		return needed.length && other.length ? [Math.min(...other) - Math.max(...needed)] : [] })`
)

// checkLook looks at the page with operations open, at a desk and on a telephone, by day and by night.
func checkLook(t *testing.T, page *tab) {
	t.Helper()
	if shown := in(t, page, chromedp.Evaluate[[]bool](heads)); len(shown) == 0 || shown[0] {
		t.Errorf("HEAD operations are shown: %v", shown)
	}
	if before := in(t, page, chromedp.Evaluate[[]float64](inputs)); len(before) < 2 || min(before[0], before[1]) <= 0 {
		t.Errorf("required inputs are not before the others: %v", before)
	}
	for _, scheme := range []string{"light", "dark"} {
		in(t, page, prefer(scheme))
		for _, width := range []int64{1280, 400} {
			what := fmt.Sprintf("%s-%d", scheme, width)
			in(t, page, chromedp.EmulateViewport(width, 1600))
			in(t, page, chromedp.Evaluate[bool]("document.getAnimations().forEach(a => a.cancel()), true")) // colours fade
			if over := in(t, page, chromedp.Evaluate[float64](scrolls)); over > 0 {
				t.Errorf("%s: the page scrolls sideways by %v px: %q", what, over, in(t, page, chromedp.Evaluate[[]string](overhang)))
			}
			for selector, contrast := range in(t, page, chromedp.Evaluate[map[string]float64](contrasts)) {
				if contrast < 4.5 {
					t.Errorf("%s: the contrast of %s is %.1f", what, selector, contrast)
				}
			}
			colour := in(t, page, chromedp.Evaluate[[]float64](background))
			if bright := colour[0]+colour[1]+colour[2] > 3*128; bright != (scheme == "light") {
				t.Errorf("%s: the page's background is %v", what, colour)
			}
			page.screenshot(t, "docs-"+what+".png")
		}
	}
	in(t, page, chromedp.Evaluate[bool](`document.getElementById("heads").click(), true`))
	if shown := in(t, page, chromedp.Evaluate[[]bool](heads)); len(shown) == 0 || !shown[0] {
		t.Errorf("HEAD operations are not shown to who asks: %v", shown)
	}
}
