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
	"example.com/transcription-api/internal/devdb"
)

// migrateRead is how long a read took, and how many of the migration's attempts had failed at its end.
type migrateRead struct {
	took   time.Duration
	failed int
}

// migrateLive reads a table in sessions, as requests do, from four clients at once until ctx ends.
func (m *migrateTest) migrateLive(ctx context.Context, p *poolUnderTest) (reads []migrateRead) {
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
				reads = append(reads, migrateRead{time.Since(began), strings.Count(m.log.String(), "migration gets no lock")})
				mu.Unlock()
				time.Sleep(time.Millisecond)
			}
		})
	}
	clients.Wait()
	return reads
}

// TestMigrate_LiveReads: a migration that waits behind a long transaction holds up those who read the table for its lock
// time-out, and lets them all go on before it tries again: for 2 s, since the long transaction stays. Without that pause
// some 16 reads come in between.
func TestMigrate_LiveReads(t *testing.T) {
	t.Parallel()
	m := migrateNew(t, migrateFiles("00001_column.sql", "-- +goose Up\nALTER TABLE notes ADD COLUMN more int;\n"))
	m.exec("CREATE TABLE notes (id int)")
	m.opts.MigrateLockTimeout = 250 * time.Millisecond
	p := poolOpen(t, poolOptions(m.url, 4, 0), m.url)
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
	reads := m.migrateLive(meanwhile, p)
	if err := <-done; err == nil || !strings.Contains(err.Error(), "given up after 4 attempts") {
		t.Errorf("the migration: %v", err)
	}
	var after [5]int
	for _, read := range reads {
		if after[read.failed]++; read.took > m.opts.MigrateLockTimeout+poolPatience/2 {
			t.Errorf("a read took %v", read.took)
		}
	}
	if least := slices.Min(after[1:4]); least < 50 {
		t.Errorf("after each failed attempt %v reads, want 50 at least before the next", after[1:4])
	}
}

// TestMigrate_LostStandby: a COMMIT that waits for a synchronous standby has no
// time-out of its own. The log says so, and a stop ends it within 2 s.
func TestMigrate_LostStandby(t *testing.T) {
	t.Parallel()
	m := migrateNew(t, migrateFiles("00001_notes.sql", "-- +goose Up\nCREATE TABLE notes (id int);\n"))
	m.url = dbtest.Server(t, devdb.Options{}).URL()
	m.opts.URL = m.url
	m.exec("ALTER SYSTEM SET synchronous_standby_names = 'missing'")
	m.exec("SELECT pg_reload_conf()")
	watch := dbtest.Connect(t, m.url)
	dbtest.Eventually(t, "the setting is there", func() bool {
		var names string
		if err := watch.QueryRow(t.Context(), "SHOW synchronous_standby_names").Scan(&names); err != nil {
			t.Fatal(err)
		}
		return names == "missing"
	})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := m.started(ctx)
	dbtest.Eventually(t, "the log says so", func() bool {
		return strings.Contains(m.log.String(), "waits for a synchronous standby")
	})
	began := time.Now()
	stop()
	if err := m.ended(done); err == nil || time.Since(began) > poolPatience/2 { // 2 s, on a machine with time to spare
		t.Errorf("ended after %v: %v", time.Since(began), err)
	}
}
