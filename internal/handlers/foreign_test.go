package handlers_test

import (
	"net/http"
	"testing"
)

// TestForeignPagesChangeNothing: as a browser tells of them, with and without CORS.
func TestForeignPagesChangeNothing(t *testing.T) {
	t.Parallel()
	for _, origins := range [][]string{nil, {corsOrigin}, {"*"}} {
		s := surfaceStart(t, func(set *surfaceSettings) { set.api.CORSAllowedOrigins = origins })
		path := s.create(t)
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
				target, body, want := "/items", surfaceItem, http.StatusCreated
				if method == "PATCH" {
					target, body, want = path, `{"title":"new"}`, http.StatusOK
				}
				if !row.allowed {
					want = http.StatusForbidden
				}
				answer := s.do(t, method, target, body, row.headers...)
				if answer.status != want {
					t.Errorf("origins %v: %s with %v: %s, want %d", origins, method, row.headers, answer.summary(), want)
				}
				if want == http.StatusForbidden {
					answer.checkProblem(t, method)
				}
			}
			if answer := s.do(t, "GET", path, "", row.headers...); answer.status != http.StatusOK {
				t.Errorf("GET with %v: %s", row.headers, answer.summary())
			}
		}
	}
}
