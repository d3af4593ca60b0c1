// Package clients runs the life of an item through clients that others' tools
// have made of the document that the service serves. See run.
package clients

import (
	"os"
	"testing"
)

const (
	audio    = "https://example.com/a.wav"
	duration = 12345.678901 // float32 would lose digits
	nobody   = int64(1) << 62
)

// api is the running service's address and key, if it has one.
func api(t *testing.T) (url, key string) {
	t.Helper()
	if url = os.Getenv("API_URL"); url == "" {
		t.Fatal("API_URL is not set: run make test-clients")
	}
	return url, os.Getenv("API_KEY")
}

func is[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
}

func ok(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
