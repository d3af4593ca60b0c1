package models_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/models"
)

// insertMany inserts n items of which always three have the same created_at, by SQL.
func insertMany(t *testing.T, url string, n int) {
	t.Helper()
	dbtest.Exec(t, url, `INSERT INTO items (title, audio_url, language, status, created_at)
		SELECT 'item', 'https://example.com/', (ARRAY['en','de'])[1 + g % 2], (ARRAY['pending','failed','processed'])[1 + g % 3],
			'2026-01-01'::timestamptz + (g / 3) * interval '1 second'
		FROM generate_series(1, $1) g ORDER BY random()`, n)
}

// walk reads all pages and returns their items in order.
func walk(t *testing.T, conn *db.DB, filter models.ItemFilter, between func()) (items []models.Item) {
	t.Helper()
	for range 1000 {
		page, more := list(t, conn, filter)
		items = append(items, page...)
		if !more {
			return items
		}
		if len(page) == 0 || len(page) > filter.Limit {
			t.Fatalf("a page of %d rows that is not the last, with limit %d", len(page), filter.Limit)
		}
		filter.After = keyOf(page[len(page)-1])
		between()
	}
	t.Fatal("the pages never end")
	return nil
}

func newestFirst(a, b models.Item) int {
	if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
		return c
	}
	return int(b.ID - a.ID)
}

func TestListPages(t *testing.T) {
	t.Parallel()
	conn, url := open(t)
	insertMany(t, url, 61)
	for _, limit := range []int{1, 2, 7, 60, 61, 100} {
		for _, filter := range []struct {
			want     int
			status   models.ItemStatus
			language string
		}{{61, "", ""}, {21, "failed", ""}, {30, "", "en"}, {10, "failed", "en"}, {0, "processing", ""}, {0, "", "fr"}} {
			items := walk(t, conn, models.ItemFilter{Limit: limit, Status: filter.status, Language: filter.language}, func() {})
			if !slices.IsSortedFunc(items, newestFirst) || len(slices.Compact(ids(items))) != filter.want {
				t.Errorf("limit %d, filter %+v: %d items: %v", limit, filter, len(items), ids(items))
			}
			for _, item := range items {
				if filter.status != "" && item.Status != filter.status || filter.language != "" && item.Language != filter.language {
					t.Errorf("filter %+v gave %+v", filter, item)
				}
			}
		}
	}
}

// TestListPagesWhileRowsComeAndGo holds that rows which are there all the time are met exactly once each, whatever is
// inserted in front and deleted anywhere, the row a page ended at included.
func TestListPagesWhileRowsComeAndGo(t *testing.T) {
	t.Parallel()
	conn, url := open(t)
	insertMany(t, url, 100)
	all, _ := list(t, conn, models.ItemFilter{Limit: 100})
	deleted, seen := map[int64]bool{}, map[int64]int{}
	next := 0
	items := walk(t, conn, models.ItemFilter{Limit: 7}, func() {
		create(t, conn)
		next += 7
		for _, victim := range []int64{all[min(next, 100)-1].ID, all[rand.IntN(100)].ID} {
			dbtest.Exec(t, url, "DELETE FROM items WHERE id = $1", victim)
			deleted[victim] = true
		}
	})
	for _, item := range items {
		seen[item.ID]++
	}
	for _, item := range all {
		if seen[item.ID] != 1 && (!deleted[item.ID] || seen[item.ID] > 1) {
			t.Errorf("item %d was met %d times", item.ID, seen[item.ID])
		}
		delete(seen, item.ID)
	}
	if len(seen) > 0 {
		t.Errorf("items inserted in front of the first page appeared on a later one: %v", seen)
	}
}

// TestListReadsNoTranscript counts the blocks of long texts that PostgreSQL touches for one page: none.
func TestListReadsNoTranscript(t *testing.T) {
	t.Parallel()
	conn, url := open(t)
	// Vacuum would read the texts too, whenever it comes.
	dbtest.Exec(t, url, `ALTER TABLE items SET (autovacuum_enabled = false, toast.autovacuum_enabled = false)`)
	dbtest.Exec(t, url, `INSERT INTO items (title, audio_url, transcript)
		SELECT 'heavy', 'https://example.com/', (SELECT string_agg(md5(random()::text || part || g), '') FROM generate_series(1, 1000) AS part)
		FROM generate_series(1, 60) g`)
	before := toastBlocks(t, url)
	if before == 0 {
		t.Fatal("the transcripts are not stored apart")
	}
	page, more := list(t, conn, models.ItemFilter{Limit: 50})
	if len(page) != 50 || !more || page[0].Transcript != nil {
		t.Errorf("a page of %d rows, more: %t, transcript %v", len(page), more, page[0].Transcript)
	}
	awaitStats(t, conn)
	if read := toastBlocks(t, url) - before; read != 0 {
		t.Errorf("%d blocks of texts were touched", read)
	}
}

// awaitStats ends the pool, as backends report their figures when they leave at the latest.
func awaitStats(t *testing.T, conn *db.DB) {
	t.Helper()
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func toastBlocks(t *testing.T, url string) (blocks int) {
	t.Helper()
	conn := dbtest.Connect(t, url)
	for last, deadline := -1, time.Now().Add(dbtest.Patience); time.Now().Before(deadline); {
		err := conn.QueryRow(t.Context(), `SELECT (pg_stat_clear_snapshot() IS NOT NULL)::int * 0 + (toast_blks_hit + toast_blks_read)::int
			FROM pg_statio_user_tables WHERE relname = 'items'`).Scan(&blocks)
		if err != nil {
			t.Fatal(err)
		}
		if blocks == last {
			return blocks
		}
		last = blocks
		time.Sleep(1500 * time.Millisecond) // backends report once a second at most
	}
	t.Fatal("the figures never come to rest")
	return 0
}
