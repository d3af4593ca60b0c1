package app_test

import "testing"

// TestMetricsExpectFailures: the first failure of a route is an increase of a series that is there, as a rate shows no other.
func TestMetricsExpectFailures(t *testing.T) {
	t.Parallel()
	got, _ := watch(t).figures()
	for _, of := range []string{`method="POST",route="/things"`, `method="GET",route="/things/:id"`} {
		for _, status := range []string{"500", "503", "504"} {
			name := `http_requests_total{` + of + `,status="` + status + `"}`
			if value, ok := got[name]; !ok || value != 0 {
				t.Errorf("%s: %v, %v", name, value, ok)
			}
		}
	}
}
