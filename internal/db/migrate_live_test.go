package db_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/dbtest"
)

// migrateLive reads a table in sessions, as requests do, from four clients at
// once until ctx ends, and returns how long each read took.
func migrateLive(ctx context.Context, p *poolUnderTest) (took []time.Duration) {
	var mu sync.Mutex
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				began := time.Now()
				err := p.WithSession(p.t.Context(), func(tx *gorm.DB) error { return tx.Exec("SELECT count(*) FROM notes").Error })
				if err != nil {
					p.t.Error(err)
					return
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
				time.Sleep(time.Millisecond)
			}
		})
	}
	clients.Wait()
	return took
}

func migrateP99(took []time.Duration) time.Duration {
	slices.Sort(took)
	return took[len(took)*99/100]
}

// TestMigrate_LiveReads: while a migration waits behind a long transaction, and
// gives up, those who read the table do not feel it. Twice as long as before is
// allowed, or what a busy machine needs anyway: far less than the lock time-out.
func TestMigrate_LiveReads(t *testing.T) {
	t.Parallel()
	m := migrateNew(t, migrateFiles("00001_column.sql", "-- +goose Up\nALTER TABLE notes ADD COLUMN more int;\n"))
	m.exec("CREATE TABLE notes (id int)")
	m.opts.MigrateLockTimeout = 250 * time.Millisecond
	p := poolOpen(t, poolOptions(m.url, 4, 0), m.url)
	before, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	usual := migrateP99(migrateLive(before, p))

	_, release := m.hold("SELECT count(*) FROM notes")
	defer release()
	meanwhile, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() {
		_, err := m.migrator().Up(t.Context())
		stop()
		done <- err
	}()
	p99 := migrateP99(migrateLive(meanwhile, p))
	if err := <-done; err == nil || !strings.Contains(err.Error(), "given up after 4 attempts") {
		t.Errorf("the migration: %v", err)
	}
	if p99 > max(2*usual, 100*time.Millisecond) {
		t.Errorf("99 of 100 reads take up to %v while a migration waits, %v before", p99, usual)
	}
}

// TestMigrate_LostStandby: a COMMIT that waits for a synchronous standby has no
// time-out of its own. The log says so, and a stop ends it within 2 s.
func TestMigrate_LostStandby(t *testing.T) {
	t.Parallel()
	m := migrateNew(t, migrateFiles("00001_notes.sql", "-- +goose Up\nCREATE TABLE notes (id int);\n"))
	m.url = sessionAlone(t)
	m.opts.URL = m.url
	m.exec("ALTER SYSTEM SET synchronous_standby_names = 'missing'")
	m.exec("SELECT pg_reload_conf()")
	watch := dbtest.Connect(t, m.url)
	poolEventually(t, "the setting is there", func() bool {
		var names string
		if err := watch.QueryRow(t.Context(), "SHOW synchronous_standby_names").Scan(&names); err != nil {
			t.Fatal(err)
		}
		return names == "missing"
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := m.started(ctx)
	poolEventually(t, "the log says so", func() bool {
		return strings.Contains(m.log.String(), "waits for a synchronous standby")
	})
	began := time.Now()
	stop()
	if err := m.ended(done); err == nil || time.Since(began) > 10*time.Second { // 2 s, on a machine with time to spare
		t.Errorf("ended after %v: %v", time.Since(began), err)
	}
}
