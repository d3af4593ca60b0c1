package browser

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	overhang = `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && e.checkVisibility())
		.slice(0, 5).map(e => e.tagName + "." + e.className)`
	scrolls = `document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth`
	// What is read, and how it stands out from what is behind it (WCAG 2.2, 1.4.3).
	contrasts = `(() => {
		const channels = colour => colour.match(/[\d.]+/g).map(Number)
		const light = colour => { const [r, g, b] = channels(colour).slice(0, 3).map(c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
			return 0.2126 * r + 0.7152 * g + 0.0722 * b }
		const behind = e => { for (; e; e = e.parentElement) { const [,,, a = 1] = channels(getComputedStyle(e).backgroundColor); if (a > 0.5) return getComputedStyle(e).backgroundColor }
			return "rgb(255, 255, 255)" }
		return Object.fromEntries(%s.flatMap(s => {
			const e = document.querySelector(s)
			if (!e) return [[s, 0]]
			const [a, b] = [light(getComputedStyle(e).color), light(behind(e))]
			return [[s, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]]
		})) })()`
	background = `getComputedStyle(document.body).backgroundColor.match(/[\d.]+/g).slice(0, 3).map(Number)`
)

// CheckLook looks at the page at a desk and on a telephone, by day and by night: nothing hangs over its edge, and what is
// read stands out, of which there must be some for each selector.
func (p *Tab) CheckLook(t *testing.T, name string, read ...string) {
	t.Helper()
	selectors, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"light", "dark"} {
		In(t, p, Prefer(scheme))
		for _, width := range []int64{1280, 400} {
			what := fmt.Sprintf("%s-%d", scheme, width)
			In(t, p, chromedp.EmulateViewport(width, 1600))
			In(t, p, chromedp.Evaluate[bool]("document.getAnimations().forEach(a => a.cancel()), true")) // colours fade
			if over := In(t, p, chromedp.Evaluate[float64](scrolls)); over > 0 {
				t.Errorf("%s: the page scrolls sideways by %v px: %q", what, over, In(t, p, chromedp.Evaluate[[]string](overhang)))
			}
			for selector, contrast := range In(t, p, chromedp.Evaluate[map[string]float64](fmt.Sprintf(contrasts, selectors))) {
				if contrast < 4.5 {
					t.Errorf("%s: the contrast of %s is %.1f", what, selector, contrast)
				}
			}
			colour := In(t, p, chromedp.Evaluate[[]float64](background))
			if bright := colour[0]+colour[1]+colour[2] > 3*128; bright != (scheme == "light") {
				t.Errorf("%s: the page's background is %v", what, colour)
			}
			p.Screenshot(t, name+"-"+what+".png")
		}
	}
}
