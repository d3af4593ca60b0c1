package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestForeignPageGetsNoProfile: whatever a page has a browser ask for, and under whatever name.
func TestForeignPageGetsNoProfile(t *testing.T) {
	t.Parallel()
	served := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, row := range []struct {
		host, site string
		loopback   bool
		want       int
	}{
		{"127.0.0.1:9090", "", true, 200},
		{"[::1]:9090", "", true, 200},
		{"localhost:9090", "none", true, 200},
		{"127.0.0.1", "same-origin", true, 200},
		{"evil.example:9090", "", true, 403},
		{"127.0.0.1.evil.example", "same-origin", true, 403},
		{"127.0.0.1:9090", "cross-site", true, 403},
		{"127.0.0.1:9090", "same-site", true, 403},
		{"api.internal:9090", "", false, 200},
		{"api.internal:9090", "cross-site", false, 403},
	} {
		r := httptest.NewRequest(http.MethodGet, "/debug/pprof/profile", http.NoBody)
		r.Host = row.host
		r.Header.Set("Sec-Fetch-Site", row.site)
		w := httptest.NewRecorder()
		guarded(served, row.loopback).ServeHTTP(w, r)
		if w.Code != row.want {
			t.Errorf("Host %s, Sec-Fetch-Site %q, loopback %t: %d, want %d", row.host, row.site, row.loopback, w.Code, row.want)
		}
	}
}
