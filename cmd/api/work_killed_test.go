//go:build faults

package main

import (
	"syscall"
	"testing"
	"time"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestFaultWorkersKilled: of two workers one is killed every second, until all items are done. Each is, and none a second time
// after the commit that said so: the table of commits is written in the same transaction.
func TestFaultWorkersKilled(t *testing.T) {
	t.Parallel()
	const items = 10_000
	w := newWorkplace(t)
	w.add("quick", items)
	for _, sql := range []string{
		"CREATE TABLE commits (item bigint)",
		`CREATE FUNCTION note_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO commits VALUES (NEW.id); RETURN NULL; END $$`,
		"CREATE TRIGGER note_commit AFTER UPDATE OF status ON items FOR EACH ROW WHEN (NEW.status = 'processed') EXECUTE FUNCTION note_commit()",
	} {
		dbtest.Exec(t, w.url, sql)
	}
	args := []string{"--lease=3s", "--attempts=20"} // more than the few that the same item can be hit
	workers := []*process{w.worker(nil, args...), w.worker(nil, args...)}
	begun, kills := time.Now(), 0
	for done, last := 0, time.Now(); done < items; {
		time.Sleep(time.Second)
		if n := w.count("status = 'processed'"); n > done {
			done, last = n, time.Now()
		} else if time.Since(last) > patience {
			t.Fatalf("%d of %d items are processed, and no more since %v", done, items, patience)
		}
		turn := kills % len(workers)
		workers[turn].signal(syscall.SIGKILL)
		workers[turn].status()
		workers[turn] = w.worker(nil, args...) // which is at work before the other one is killed
		kills++
	}
	took := time.Since(begun)
	if n := dbtest.Ask[int](t, w.url, "SELECT count(*) FROM commits"); n != items {
		t.Errorf("%d commits, want %d", n, items)
	}
	if n := dbtest.Ask[int](t, w.url, "SELECT count(DISTINCT item) FROM commits"); n != items {
		t.Errorf("%d items were committed, want %d", n, items)
	}
	runs := 0
	for _, n := range w.noted() {
		runs += n
	}
	again := dbtest.Ask[int](t, w.url, "SELECT count(*) FROM items WHERE attempts > 1")
	if runs < items || kills < 2 {
		t.Errorf("%d runs of the engine, %d kills", runs, kills)
	}
	t.Logf("%d items in %v, %d kills: %d items were begun again, %d runs of the engine were for nothing",
		items, took.Round(time.Millisecond), kills, again, runs-items)
}
