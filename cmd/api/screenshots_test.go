package main

import (
	"bytes"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/chromedp/chromedp"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/openapi"
	"example.com/transcription-api/internal/web/webtest/browser"
)

var update = flag.Bool("update", false, "write the README's pictures anew")

// pictures together may not weigh more, in bytes: everybody who reads the README loads them.
const mostPictures = 200_000

// TestScreenshots takes the README's pictures, of the service as it is now.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	page := browser.Open(t)
	p := startIn(t, "../..", map[string]string{ // there the lines of code are shown as make run shows them
		"DATABASE_URL": dbtest.New(t), "API_TEST_RUN_MAIN": "service", "ENVIRONMENT": "dev", "HOST": "127.0.0.1", "PORT": "0", "API_KEYS": "", "ADMIN_ADDR": "",
	})
	url := p.url()
	useService(t, url)
	browser.In(t, page, chromedp.EmulateViewport(1000, 700))
	sum := 0
	for _, shot := range []struct{ name, path, ready, prepare string }{
		{"requests", "/dev/requests", "details", `[...document.querySelectorAll("details")].filter((e, i) => i % 3 == 0).map(e => e.open = true).length > 0`},
		{"page", "/docs", ".opblock", `document.querySelector(".opblock-tag-section").scrollIntoView(), true`},
	} {
		browser.In(t, page, chromedp.Navigate(url+shot.path))
		browser.In(t, page, chromedp.WaitVisible(chromedp.CSS(shot.ready)))
		browser.In(t, page, chromedp.Evaluate[bool](shot.prepare))
		picture := fewColours(t, browser.In(t, page, chromedp.CaptureScreenshot()))
		sum += len(picture)
		file := filepath.Join("../../docs", shot.name+".png")
		if !*update {
			file = filepath.Join(t.ArtifactDir(), shot.name+".png")
		}
		if err := os.WriteFile(file, picture, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if page.CheckQuiet(t, url); sum > mostPictures {
		t.Errorf("the pictures weigh %d bytes", sum)
	}
}

// useService sends the first requests that the document has an example for, so that there is something to see.
func useService(t *testing.T, url string) {
	t.Helper()
	path, body := creation(t, url)
	for range 3 {
		if a, err := send(t.Context(), http.DefaultClient, http.MethodPost, url+path, body); err != nil || a.status != http.StatusCreated {
			t.Fatalf("POST %s: %v, %d %s", path, err, a.status, a.body)
		}
	}
	for _, rest := range []string{"/1", "/" + strconv.Itoa(1<<20), "?limit=2"} {
		get(t, url+path+rest)
	}
}

// creation is the first request that the document has an example for.
func creation(t *testing.T, url string) (path, body string) {
	t.Helper()
	path, body, ok := openapi.Sample([]byte(get(t, url+"/openapi.json").body))
	if !ok {
		t.Skip("no route creates anything yet")
	}
	return path, body
}

// fewColours makes of a picture of text one with the 256 colours that it has most of, which takes a third of the room.
func fewColours(t *testing.T, data []byte) []byte {
	t.Helper()
	from, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	counts := map[color.Color]int{}
	for y := range from.Bounds().Dy() {
		for x := range from.Bounds().Dx() {
			counts[from.At(x, y)]++
		}
	}
	var palette color.Palette
	for c := range counts {
		palette = append(palette, c)
	}
	slices.SortFunc(palette, func(a, b color.Color) int { return counts[b] - counts[a] })
	to := image.NewPaletted(from.Bounds(), palette[:min(len(palette), 256)])
	draw.Draw(to, to.Bounds(), from, image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, to); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
