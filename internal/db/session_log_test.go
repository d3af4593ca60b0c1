package db_test

import (
	"database/sql"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// TestSessionLeak: the place is the one that took the connection, in this file and not in GORM or the database layer.
func TestSessionLeak(t *testing.T) {
	t.Parallel()
	conn, _, log := sessionOpen(t, func(o *db.Options) { o.LeakThreshold = 50 * time.Millisecond })
	s, tx := sessionNew(t, conn, t.Context())
	sessionMust(t, sessionInsert(tx, "a"))
	dbtest.Eventually(t, "a leak is logged", func() bool { return len(log.Lines(t, "session still open")) == 1 })
	if n := len(log.Lines(t, "session that was open for too long has ended")); n != 0 {
		t.Error("it is said to have come back before it did")
	}
	sessionMust(t, sessionInsert(tx, "b"))
	time.Sleep(100 * time.Millisecond) // it is logged once, and not each time that the threshold passes
	sessionMust(t, s.Commit())
	s.Rollback()
	taken, back := log.Lines(t, "session still open"), log.Lines(t, "session that was open for too long has ended")
	if len(taken) != 1 || len(back) != 1 {
		t.Fatalf("logged %d times and %d times, want once each", len(taken), len(back))
	}
	place, _ := taken[0]["taken_at"].(string)
	if nearest, _, _ := strings.Cut(place, " < "); !strings.Contains(nearest, "db_test.sessionInsert (") || !strings.Contains(place, "db_test.TestSessionLeak (") {
		t.Errorf("taken at %s, want sessionInsert < TestSessionLeak", place)
	}
	if seconds, _ := back[0]["seconds"].(float64); seconds < 0.1 {
		t.Errorf("came back after %v s, want at least 0.1", seconds)
	}
}

// TestSessionNoLeak: neither a session that ends in time, nor one without a connection, is logged.
func TestSessionNoLeak(t *testing.T) {
	t.Parallel()
	for _, threshold := range []time.Duration{0, time.Minute} {
		conn, _, log := sessionOpen(t, func(o *db.Options) { o.LeakThreshold = threshold })
		sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return sessionInsert(tx, "a") }))
		if text := log.String(); text != "" {
			t.Errorf("threshold %v: logged:\n%s", threshold, text)
		}
	}
	conn, _, log := sessionOpen(t, func(o *db.Options) { o.LeakThreshold = time.Millisecond })
	unused, _ := sessionNew(t, conn, t.Context())
	time.Sleep(50 * time.Millisecond)
	sessionMust(t, unused.Commit())
	if text := log.String(); text != "" {
		t.Errorf("a session without a connection: logged:\n%s", text)
	}
}

// sessionEcho returns the statements that were logged, in order.
func sessionEcho(t *testing.T, log *dbtest.Log) (statements []string) {
	t.Helper()
	for _, line := range log.Lines(t, "sql") {
		statements = append(statements, line["sql"].(string))
	}
	return statements
}

func TestSessionEcho(t *testing.T) {
	t.Parallel()
	conn, _, log := sessionOpen(t, func(o *db.Options) { o.Echo = true })
	s, tx := sessionNew(t, conn, t.Context(), db.Isolation(sql.LevelSerializable), db.ReadOnly())
	sessionMust(t, tx.Exec("SELECT 1").Error)
	sessionMust(t, s.Commit())
	s, tx = sessionNew(t, conn, t.Context())
	if tx.Exec("SELECT nothing").Error == nil {
		t.Error("there is such a column")
	}
	s.Rollback()
	want := []string{"BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY", "SELECT 1", "COMMIT", "BEGIN", "SELECT nothing", "ROLLBACK"}
	if diff := cmp.Diff(want, sessionEcho(t, log)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, line := range log.Lines(t, "sql") {
		text, failed := line["error"].(string)
		if failed != (line["sql"] == "SELECT nothing") || failed && !strings.Contains(text, "42703") {
			t.Errorf("%v", line)
		}
	}
}

func TestSessionEchoHidesParameters(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ echo, dev bool }{{true, true}, {true, false}, {false, true}} {
		conn, _, log := sessionOpen(t, func(o *db.Options) { o.Echo, o.Dev, o.SlowQuery = test.echo, test.dev, time.Nanosecond })
		s, tx := sessionNew(t, conn, t.Context())
		sessionMust(t, sessionInsert(tx, "a secret"))
		sessionMust(t, s.Commit())
		if n := len(sessionEcho(t, log)); (n == 3) != test.echo {
			t.Errorf("%+v: %d statements are logged", test, n)
		}
		slow := log.Lines(t, "slow query")
		if len(slow) != 1 || !strings.HasPrefix(slow[0]["sql"].(string), "INSERT INTO test_things") {
			t.Errorf("%+v: slow: %v", test, slow)
		}
		if shown := strings.Contains(log.String(), "a secret"); shown != test.dev {
			t.Errorf("%+v: parameters are shown: %v", test, shown)
		}
	}
}

func TestSessionSlowQuery(t *testing.T) {
	t.Parallel()
	for limit, want := range map[time.Duration]int{0: 0, 200 * time.Millisecond: 1, time.Hour: 0} {
		conn, _, log := sessionOpen(t, func(o *db.Options) { o.SlowQuery = limit })
		_, tx := sessionNew(t, conn, t.Context())
		sessionMust(t, tx.Exec("SELECT pg_sleep(0.25)").Error)
		lines := log.Lines(t, "slow query")
		if len(lines) != want {
			t.Errorf("limit %v: %d lines, want %d", limit, len(lines), want)
		}
		if len(lines) == 1 && (lines[0]["sql"] != "SELECT pg_sleep(0.25)" || lines[0]["ms"].(float64) < 200) {
			t.Errorf("limit %v: %v", limit, lines[0])
		}
	}
}

func TestSessionRepeatedStatement(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		dev         bool
		times, want int
	}{{true, 10, 0}, {true, 11, 1}, {true, 25, 1}, {false, 25, 0}} {
		conn, _, log := sessionOpen(t, func(o *db.Options) { o.Dev = test.dev })
		for range 2 { // each session counts for itself
			s, tx := sessionNew(t, conn, t.Context())
			for n := range test.times {
				sessionMust(t, tx.Exec("SELECT ?::int", n).Error)
			}
			sessionMust(t, tx.Exec("SELECT 'another'").Error)
			s.Rollback()
		}
		lines := log.Lines(t, "statement repeated")
		if len(lines) != 2*test.want {
			t.Errorf("%+v: %d lines in two sessions", test, len(lines))
		}
		if len(lines) > 0 && lines[0]["sql"] != "SELECT $1::int" {
			t.Errorf("%+v: %v", test, lines[0])
		}
	}
}

func TestSessionStats(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	sessionTrigger(t, url, "PERFORM pg_sleep(0.25);")
	holder, held := sessionNew(t, conn, t.Context())
	sessionMust(t, held.Exec("SELECT 1").Error)
	s, tx := sessionNew(t, conn, t.Context())
	result := make(chan error, 1)
	go func() { result <- tx.Exec("SELECT 1").Error }()
	dbtest.Eventually(t, "the session waits for the holder", func() bool { return conn.Status().Waiting == 1 })
	time.Sleep(200 * time.Millisecond)
	holder.Rollback()
	sessionMust(t, <-result)
	waited := s.Stats()
	if waited.Queries != 1 || waited.Time < 200*time.Millisecond {
		t.Errorf("after the wait for a connection: %+v", waited)
	}
	_ = tx.Exec("SELECT pg_sleep(0.25)").Error
	sessionMust(t, sessionInsert(tx, "a"))
	before := s.Stats()
	if before.Queries != 3 || before.Time < waited.Time+200*time.Millisecond {
		t.Errorf("after three statements: %+v, was %+v", before, waited)
	}
	sessionMust(t, s.Commit())
	if after := s.Stats(); after.Queries != 3 || after.Time < before.Time+200*time.Millisecond {
		t.Errorf("after COMMIT: %+v, was %+v", after, before)
	}
}
