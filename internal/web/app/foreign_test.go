package app_test

import (
	"net/http"
	"testing"

	"example.com/transcription-api/internal/web/webtest"
)

// TestForeignPagesChangeNothing: as a browser tells of them, with and without CORS.
func TestForeignPagesChangeNothing(t *testing.T) {
	t.Parallel()
	for _, origins := range [][]string{nil, {corsOrigin}, {"*"}} {
		s := webtest.StartThings(t, func(set *webtest.Settings) { set.API.CORSAllowedOrigins = origins })
		path := s.Create(t)
		trusted := len(origins) > 0
		all := trusted && origins[0] == "*"
		for _, row := range []struct {
			headers []string
			allowed bool
		}{
			{[]string{"X-No-Browser: 1"}, true},
			{[]string{"Origin: " + s.URL}, true},
			{[]string{"Sec-Fetch-Site: same-origin", "Origin: https://behind.a.proxy.example"}, true},
			{[]string{"Sec-Fetch-Site: none"}, true},
			{[]string{"Origin: " + corsOrigin}, trusted},
			{[]string{"Origin: " + corsOrigin, "Sec-Fetch-Site: cross-site"}, trusted},
			{[]string{"Origin: https://evil.example"}, all},
			{[]string{"Origin: null"}, all},
			{[]string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"}, all},
			{[]string{"Sec-Fetch-Site: same-site"}, all},
		} {
			for _, method := range []string{"POST", "PATCH"} {
				target, body, want := "/things", webtest.Body, http.StatusCreated
				if method == "PATCH" {
					target, body, want = path, `{"title":"new"}`, http.StatusOK
				}
				if !row.allowed {
					want = http.StatusForbidden
				}
				answer := s.Do(t, method, target, body, row.headers...)
				if answer.Status != want {
					t.Errorf("origins %v: %s with %v: %s, want %d", origins, method, row.headers, answer.Summary(), want)
				}
				if want == http.StatusForbidden {
					answer.CheckProblem(t, method)
				}
			}
			if answer := s.Do(t, "GET", path, "", row.headers...); answer.Status != http.StatusOK {
				t.Errorf("GET with %v: %s", row.headers, answer.Summary())
			}
		}
	}
}
