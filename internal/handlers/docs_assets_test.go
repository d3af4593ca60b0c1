package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/web/app"
)

func fetch(t *testing.T, api http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, req)
	return answer
}

// The page's files are there under the names that it uses, may be kept for
// ever, and are the same however they are asked for.
func TestDocsFiles(t *testing.T) {
	t.Parallel()
	api := unservedAPI(t)
	page := fetch(t, api, "/docs")
	names := regexp.MustCompile(`"(docs/[^"]*)"`).FindAllStringSubmatch(page.Body.String(), -1)
	if len(names) != 4 {
		t.Fatalf("the page refers to %d files, want 4:\n%s", len(names), page.Body)
	}
	for _, name := range names {
		bare, zipped := fetch(t, api, "/"+name[1]), fetch(t, api, "/"+name[1], "Accept-Encoding: br, gzip")
		if bare.Code != http.StatusOK || bare.Header().Get("Cache-Control") != immutable || bare.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: %d %v", name[1], bare.Code, bare.Header())
		}
		if zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s, compressed: %v", name[1], zipped.Header())
		}
		content, err := unzip(zipped.Body.Bytes())
		if err != nil || !bytes.Equal(content, bare.Body.Bytes()) {
			t.Errorf("%s differs when compressed: %v", name[1], err)
		}
		if bare.Header().Get("ETag") == zipped.Header().Get("ETag") {
			t.Errorf("%s has one strong tag for two contents", name[1])
		}
	}
}

func TestDocsRevalidate(t *testing.T) {
	t.Parallel()
	api := unservedAPI(t)
	for _, path := range []string{"/docs", "/openapi.json", "/docs/LICENSE"} {
		first := fetch(t, api, path, "Accept-Encoding: gzip")
		again := fetch(t, api, path, "Accept-Encoding: gzip", "If-None-Match: "+first.Header().Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() > 0 || first.Header().Get("Cache-Control") != revalidate {
			t.Errorf("%s: %d with %d bytes, Cache-Control %s", path, again.Code, again.Body.Len(), first.Header().Get("Cache-Control"))
		}
		if other := fetch(t, api, path, "If-None-Match: "+first.Header().Get("ETag")); other.Code != http.StatusOK {
			t.Errorf("%s: %d for the tag of another encoding", path, other.Code)
		}
	}
}

// What CORS says about caches stays.
func TestDocsVary(t *testing.T) {
	t.Parallel()
	api, err := newEngine(Options{
		Log: slog.New(slog.DiscardHandler), State: new(State),
		Settings: app.Settings{RequestTimeout: time.Minute, MaxBodyBytes: 1, CORSAllowedOrigins: []string{"https://elsewhere.example"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	vary := fetch(t, api, "/openapi.json", "Origin: https://elsewhere.example").Header().Values("Vary")
	if !slices.Contains(vary, "Origin") || !slices.Contains(vary, "Accept-Encoding") {
		t.Errorf("Vary: %q", vary)
	}
}

func TestDocsPolicy(t *testing.T) {
	t.Parallel()
	policy := fetch(t, unservedAPI(t), "/docs").Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy lacks %s: %s", part, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("the policy is unsafe: %s", policy)
	}
}

func TestAcceptsGzip(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]bool{
		"gzip": true, "GZIP": true, "br, gzip;q=0.5": true, "deflate , gzip ; q=1": true,
		"": false, "br": false, "gzip;q=0": false, "gzip; q=0.000": false, "gzip;q=x": false, "x-gzip": false, "identity": false,
	} {
		if got := acceptsGzip(header); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

// The vendored files are the published ones.
func TestDocsFilesAreThePublishedOnes(t *testing.T) {
	t.Parallel()
	sums, err := os.ReadFile("docs/swagger-ui/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(sums)), "\n")
	if entries, err := docsFiles.ReadDir("docs/swagger-ui"); err != nil || len(entries) != len(lines) {
		t.Errorf("%d files are embedded, %d have a sum: %v", len(entries), len(lines), err)
	}
	for _, line := range lines {
		want, name, _ := strings.Cut(line, "  ")
		zipped, err := docsFiles.ReadFile("docs/swagger-ui/" + name + ".gz")
		if err != nil {
			t.Error(err)
			continue
		}
		content, err := unzip(zipped)
		if sum := sha256.Sum256(content); err != nil || hex.EncodeToString(sum[:]) != want {
			t.Errorf("%s is not the published file: %v", name, err)
		}
	}
}
