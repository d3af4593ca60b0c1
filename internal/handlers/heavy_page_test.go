package handlers_test

import (
	"encoding/json"
	"net/url"
	"testing"
)

// TestPagesOfLongTranscripts: 40 of the longest, of characters that take six bytes each as JSON, are more than an answer
// may weigh. They come on pages that end early, each once.
func TestPagesOfLongTranscripts(t *testing.T) {
	t.Parallel()
	s := surfaceStart(t)
	const items = 40
	surfaceExec(t, s, `INSERT INTO items (title, audio_url, transcript)
		SELECT 'long', 'https://example.com/', repeat(E'\u0001', 500000) FROM generate_series(1, $1)`, items)
	seen := map[float64]bool{}
	pages := 0
	for query := "?limit=100"; query != ""; pages++ {
		answer := s.do(t, "GET", "/items"+query, "")
		var page struct {
			Items []struct {
				ID         float64
				Transcript string
			}
			NextCursor *string `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(answer.body), &page); err != nil || answer.status != 200 || len(page.Items) == 0 {
			t.Fatalf("page %d: %d of %d items, %v", pages+1, answer.status, len(page.Items), err)
		}
		for _, item := range page.Items {
			if seen[item.ID] || len(item.Transcript) != 500_000 {
				t.Errorf("item %v was given twice or cut", item.ID)
			}
			seen[item.ID] = true
		}
		query = ""
		if page.NextCursor != nil {
			query = "?limit=100&cursor=" + url.QueryEscape(*page.NextCursor)
		}
	}
	if len(seen) != items || pages != 3 { // 8 MiB hold 16 of them
		t.Errorf("%d items on %d pages, want %d on 3", len(seen), pages, items)
	}
}
