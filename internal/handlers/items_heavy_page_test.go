package handlers_test

import (
	"encoding/json"
	"testing"
)

// TestPagesLeaveTranscriptsOut: 100 of the longest, of characters that take six bytes each as JSON, are 300 MB.
func TestPagesLeaveTranscriptsOut(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec(t, `INSERT INTO items (title, audio_url, transcript)
		SELECT 'long', 'https://example.com/', repeat(E'\u0001', 500000) FROM generate_series(1, 100)`)
	answer := s.Do(t, "GET", "/items?limit=100", "")
	var page struct{ Items []map[string]any }
	if err := json.Unmarshal([]byte(answer.Body), &page); err != nil || answer.Status != 200 || len(page.Items) != 100 {
		t.Fatalf("%d: %d items, %v", answer.Status, len(page.Items), err)
	}
	for _, item := range page.Items {
		if _, there := item["transcript"]; there || len(item) != 9 {
			t.Fatalf("members %v", item)
		}
	}
}
