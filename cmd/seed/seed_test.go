package main

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/models"
)

// seed runs the program on a database with one setting more, NAME=value, or none.
func seed(ctx context.Context, url, more string, args ...string) (string, error) {
	name, value, _ := strings.Cut(more, "=")
	vars := map[string]string{"DATABASE_URL": url, name: value}
	var out bytes.Buffer
	err := run(ctx, args, func(name string) (string, bool) { return vars[name], vars[name] != "" }, &out, io.Discard)
	return out.String(), err
}

// TestSeed: an empty database is migrated and filled, every rule of the table holds, and a second time adds as many.
func TestSeed(t *testing.T) {
	t.Parallel()
	url := dbtest.Empty(t)
	for _, want := range []int{250, 500} {
		out, err := seed(t.Context(), url, "", "250")
		if err != nil || !strings.Contains(out, "100 of 250 items\n") || !strings.Contains(out, "250 items added") {
			t.Fatalf("%v, and it says:\n%s", err, out)
		}
		if n := dbtest.Ask[int](t, url, "SELECT count(*) FROM items"); n != want {
			t.Errorf("%d items, want %d", n, want)
		}
	}
	for _, broken := range []string{
		"created_at > now()", "updated_at < created_at", "(status = 'processed') <> (transcript IS NOT NULL)", "(status = 'processed') <> (duration_seconds > 0)",
		"(status = 'failed') <> (error IS NOT NULL)", "(status = 'processing') <> (lease_until IS NOT NULL)", "title || transcript || error LIKE '%{%'",
	} {
		if n := dbtest.Ask[int](t, url, "SELECT count(*) FROM items WHERE "+broken); n > 0 {
			t.Errorf("%d items with %s", n, broken)
		}
	}
	if n := dbtest.Ask[int](t, url, "SELECT count(DISTINCT status) + count(DISTINCT language) FROM items"); n < 3+5 {
		t.Errorf("%d statuses and languages in all", n)
	}
	if days := dbtest.Ask[int](t, url, "SELECT count(DISTINCT date_trunc('week', created_at)) FROM items"); days < 4 {
		t.Errorf("the items are of %d weeks", days)
	}
}

// TestSeedRefuses: nothing is added where rows are not made up for, nor where it can not be done whole.
func TestSeedRefuses(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	for _, row := range []struct{ settings, n, want string }{
		{"ENVIRONMENT=production", "10", "ENVIRONMENT is production"},
		{"", "0", "a number from 1 to"},
		{"", "many", "a number from 1 to"},
		{"DB_POOL_SIZE=none", "10", "DB_POOL_SIZE"},
	} {
		if _, err := seed(t.Context(), url, row.settings, row.n); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%q: %v, want %s", row, err, row.want)
		}
	}
	dbtest.Exec(t, url, "ALTER TABLE items ADD CONSTRAINT few CHECK (id < 150)")
	if _, err := seed(t.Context(), url, "", "200"); err == nil || !strings.HasPrefix(err.Error(), "nothing is added: ") {
		t.Errorf("the table refuses a row: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := seed(ctx, url, ""); err == nil {
		t.Error("it is cut off, and reports success")
	}
	if n := dbtest.Ask[int](t, url, "SELECT count(*) FROM items"); n != 0 {
		t.Errorf("%d items are added all the same", n)
	}
}

// TestMaker: the same source and time make the same items, and all of them differ.
func TestMaker(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 27, 15, 0, 0, 0, time.UTC)
	make := func() []models.Item { return newMaker(rand.New(rand.NewPCG(1, 2)), now).items(500) }
	list := make()
	if diff := cmp.Diff(list, make()); diff != "" {
		t.Errorf("(-once +again):\n%s", diff)
	}
	addresses, statuses := map[string]bool{}, map[models.ItemStatus]int{}
	for _, item := range list {
		addresses[item.AudioURL], statuses[item.Status] = true, statuses[item.Status]+1
		if age := now.Sub(item.CreatedAt); age < 0 || age > span {
			t.Errorf("created %v before now", age)
		}
	}
	if len(addresses) != len(list) || len(statuses) != 4 || statuses[models.Processed] < len(list)/2 {
		t.Errorf("%d addresses of %d items; %v", len(addresses), len(list), statuses)
	}
}
