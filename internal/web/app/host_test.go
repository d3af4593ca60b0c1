package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// TestStrangeNames: a page whose name has come to lead here may neither read nor write.
func TestStrangeNames(t *testing.T) {
	t.Parallel()
	for _, local := range []bool{true, false} {
		api := webtest.Unserved(t, webtest.Documented(t, func(o app.Options) (http.Handler, error) {
			o.OnlyLocal, o.Host = local, "dev.internal"
			return webtest.New(o)
		}))
		document := httptest.NewRecorder()
		api.ServeHTTP(document, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/openapi.json", nil))
		if strings.Contains(document.Body.String(), `"421"`) != local {
			t.Errorf("only local %t: the document says another thing of 421", local)
		}
		for host, known := range map[string]bool{
			"": true, "127.0.0.1:8080": true, "127.0.0.1": true, "[::1]:8080": true, "[::1]": true, "10.0.0.1": true, "localhost:8080": true,
			"LOCALHOST": true, "localhost.": true, "app.localhost:8080": true, "dev.internal:8080": true, "Dev.Internal": true,
			"evil.example:8080": false, "evil.example": false, "127.0.0.1.evil.example": false, "localhost.evil.example": false, "notlocalhost": true, "api:8080": true, "notlocalhost.example": false, "dev.internal.evil.example": false,
		} {
			for _, path := range []string{"/health/live", "/docs", "/openapi.json"} {
				request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
				request.Host = host
				answer := httptest.NewRecorder()
				api.ServeHTTP(answer, request)
				want := http.StatusOK
				if local && !known {
					want = http.StatusMisdirectedRequest
				}
				if answer.Code != want {
					t.Errorf("only local %t: %s with the Host %q: %d, want %d", local, path, host, answer.Code, want)
				}
			}
		}
	}
}

// TestTrustedProxies: the last hop that is no proxy of ours is the client.
func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	const one = "X-Forwarded-For: 203.0.113.7"
	for _, test := range []struct {
		trusted, headers []string
		want             string
	}{
		{nil, []string{one}, "127.0.0.1"},
		{[]string{"10.0.0.0/8"}, []string{one}, "127.0.0.1"},
		{[]string{"127.0.0.0/8"}, []string{one, "X-Real-IP: 203.0.113.8"}, "203.0.113.7"},
		{[]string{"127.0.0.0/8"}, []string{"X-Real-IP: 203.0.113.8"}, "127.0.0.1"},
		{[]string{"127.0.0.0/8"}, []string{"Forwarded: for=203.0.113.8"}, "127.0.0.1"},
		{[]string{"127.0.0.0/8"}, []string{"X-Forwarded-For: 203.0.113.7:1234"}, "203.0.113.7"},
		{[]string{"127.0.0.0/8"}, []string{"X-Forwarded-For: [2001:db8::1]:80"}, "2001:db8::1"},
		{[]string{"127.0.0.0/8"}, []string{"X-Forwarded-For: [2001:db8::1]"}, "2001:db8::1"},
		{[]string{"127.0.0.0/8"}, []string{"X-Forwarded-For: 2001:db8::1"}, "2001:db8::1"},
		{[]string{"127.0.0.0/8", "10.0.0.0/8"}, []string{"X-Forwarded-For: 198.51.100.9, 203.0.113.7:99, 10.0.0.2:80"}, "203.0.113.7"},
		{[]string{"127.0.0.0/8"}, []string{"X-Forwarded-For: 198.51.100.9", one}, "203.0.113.7"}, // the first line is the client's
		{[]string{"127.0.0.0/8"}, []string{"X-Forwarded-For: 203.0.113.7, unknown"}, "127.0.0.1"},
		{[]string{"127.0.0.0/8"}, []string{"X-Forwarded-For: ,"}, "127.0.0.1"},
	} {
		s := webtest.StartThings(t, func(set *webtest.Settings) { set.API.TrustedProxies = test.trusted })
		s.Do(t, "GET", "/health/live", "", append(test.headers, "X-Request-ID: proxied")...)
		if client := s.Logged(t, "request", "request_id", "proxied")["client"]; client != test.want {
			t.Errorf("trusting %v, with %v the client is %v, want %s", test.trusted, test.headers, client, test.want)
		}
	}
}
