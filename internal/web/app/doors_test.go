package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/transcription-api/internal/web/webtest"
)

const asBrowsers = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// TestDoorsLeadToThePage: people end at the page, behind a proxy's prefix too; programs read where it is.
func TestDoorsLeadToThePage(t *testing.T) {
	t.Parallel()
	api := webtest.Unserved(t, webtest.New)
	served := httptest.NewServer(api)
	t.Cleanup(served.Close)
	prefixed := httptest.NewServer(http.StripPrefix("/some/prefix", api))
	t.Cleanup(prefixed.Close)
	for _, base := range []string{served.URL, prefixed.URL + "/some/prefix"} {
		for _, path := range []string{"/", "/docs/"} {
			for _, method := range []string{"GET", "HEAD"} {
				req, err := http.NewRequestWithContext(t.Context(), method, base+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Accept", strings.TrimPrefix(asBrowsers, "Accept: "))
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK || resp.Request.URL.String() != base+"/docs" {
					t.Errorf("%s %s leads to %s: %d", method, base+path, resp.Request.URL, resp.StatusCode)
				}
			}
		}
	}
	s := webtest.StartThings(t)
	for _, row := range []struct {
		method, path, accept, want string
	}{
		{"GET", "/", "Accept: */*", "404 There is nothing at this path. /docs describes the API to people, /openapi.json to programs."},
		{"GET", "/docs/", "Accept: application/json", "404 There is nothing at this path. /docs describes the API to people, /openapi.json to programs."},
		{"GET", "/things/", asBrowsers, "404 There is nothing at this path. Without the slash at its end there is."},
		{"POST", "/things/1/", asBrowsers, "404 There is nothing at this path. Without the slash at its end there is."},
		{"GET", "/things//", asBrowsers, "404 There is nothing at this path."},
		{"GET", "/nothings/", asBrowsers, "404 There is nothing at this path."},
		{"GET", "/things/1/2/", asBrowsers, "404 There is nothing at this path."},
		{"GET", "//", asBrowsers, "404 There is nothing at this path."},
		{"POST", "/", asBrowsers, "404 There is nothing at this path."},
	} {
		answer := s.Do(t, row.method, row.path, "", row.accept)
		answer.CheckProblem(t, row.path)
		if answer.Summary() != row.want {
			t.Errorf("%s %s: %s", row.method, row.path, answer.Summary())
		}
	}
	if answer := s.Do(t, "GET", "/", "", asBrowsers); answer.Status != http.StatusSeeOther || answer.Header.Get("Location") != "docs" || answer.Header.Get("Vary") != "Accept" {
		t.Errorf("%d %v", answer.Status, answer.Header)
	}
}
