package db_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// sessionPatience bounds every wait for something that must happen; reaching it is a failure.
const sessionPatience = 30 * time.Second

// sessionShortly is the PoolTimeout of tests in which a session waits in vain. It is long enough for one that finds a
// connection free, on a slow machine too.
const sessionShortly = 500 * time.Millisecond

// sessionOptions are those of the tests that set none themselves.
func sessionOptions(t testing.TB, url string, log *dbtest.Log) db.Options {
	t.Helper()
	size, overflow := dbtest.PoolSize(t)
	return db.Options{
		URL: url, PoolSize: size, MaxOverflow: overflow, PoolTimeout: sessionPatience, Recycle: time.Hour, PrePing: true,
		OverflowIdle: 30 * time.Second, ConnectTimeout: 10 * time.Second, StatementTimeout: time.Minute,
		IdleInTransactionTimeout: time.Minute, Logger: slog.New(slog.NewJSONHandler(log, nil)),
	}
}

// sessionOpen opens a pool on a database of the test's own; change may set options.
func sessionOpen(t testing.TB, change ...func(*db.Options)) (*db.DB, string, *dbtest.Log) {
	t.Helper()
	url, log := dbtest.Things(t), new(dbtest.Log)
	return sessionOpenAt(t, url, log, change...), url, log
}

func sessionOpenAt(t testing.TB, url string, log *dbtest.Log, change ...func(*db.Options)) *db.DB {
	t.Helper()
	opts := sessionOptions(t, url, log)
	for _, set := range change {
		set(&opts)
	}
	return dbtest.Open(t, opts)
}

func sessionPool(size, overflow int) func(*db.Options) {
	return func(o *db.Options) { o.PoolSize, o.MaxOverflow = size, overflow }
}

// sessionNew makes a session that is rolled back at the latest when the test ends.
func sessionNew(t testing.TB, conn *db.DB, ctx context.Context, opts ...db.SessionOption) (*db.Session, *gorm.DB) {
	t.Helper()
	s := conn.NewSession(ctx, opts...)
	t.Cleanup(s.Rollback)
	return s, s.DB()
}

func sessionInsert(tx *gorm.DB, title string) error {
	return tx.Exec("INSERT INTO test_things (title, link) VALUES (?, 'https://example.com/a.wav')", title).Error
}

func sessionMust(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sessionAsk reads one value over a connection of its own, from outside of all sessions.
func sessionAsk[T any](t testing.TB, url, query string, args ...any) (value T) {
	t.Helper()
	return dbtest.Ask[T](t, url, query, args...)
}

func sessionRows(t testing.TB, url string) int {
	t.Helper()
	return sessionAsk[int](t, url, "SELECT count(*) FROM test_things")
}

// sessionOpenTransactions counts the backends of the API's pool that are in a transaction.
func sessionOpenTransactions(t testing.TB, url string) int {
	t.Helper()
	return sessionAsk[int](t, url, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
		AND starts_with(application_name, 'transcription-api ') AND (state <> 'idle' OR xact_start IS NOT NULL)`)
}

func sessionScan[T any](t testing.TB, tx *gorm.DB, query string, args ...any) (value T) {
	t.Helper()
	if err := tx.Raw(query, args...).Scan(&value).Error; err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func sessionPID(t testing.TB, tx *gorm.DB) int {
	t.Helper()
	return sessionScan[int](t, tx, "SELECT pg_backend_pid()")
}

// sessionTrigger makes body run at the COMMIT of every transaction that inserted a thing.
func sessionTrigger(t testing.TB, url, body string) {
	t.Helper()
	dbtest.Exec(t, url, "CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+body+" RETURN NULL; END $$")
	dbtest.Exec(t, url, `CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON test_things DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION at_commit()`)
}

// sessionInCommit waits until a backend works on its COMMIT, and returns its process number.
func sessionInCommit(t testing.TB, url string) (pid int) {
	t.Helper()
	conn := dbtest.Connect(t, url)
	dbtest.Eventually(t, "a backend in COMMIT", func() bool {
		err := conn.QueryRow(t.Context(), `SELECT coalesce(max(pid), 0) FROM pg_stat_activity
			WHERE datname = current_database() AND state = 'active' AND lower(query) = 'commit'`).Scan(&pid)
		sessionMust(t, err)
		return pid != 0
	})
	return pid
}

// sessionIdle checks that all connections are back, and free of transactions.
func sessionIdle(t testing.TB, conn *db.DB, url string) {
	t.Helper()
	if out := conn.Status().CheckedOut; out != 0 {
		t.Errorf("%d connections are still out", out)
	}
	dbtest.Eventually(t, "no transaction open", func() bool { return sessionOpenTransactions(t, url) == 0 })
}

// sessionHoldLock takes the lock that a trigger of the test waits for; release lets it go on.
func sessionHoldLock(t testing.TB, url string) (release func()) {
	t.Helper()
	conn := dbtest.Connect(t, url)
	_, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock(4)")
	sessionMust(t, err)
	return func() {
		_, err := conn.Exec(t.Context(), "SELECT pg_advisory_unlock(4)")
		sessionMust(t, err)
	}
}

// sessionLocked waits until a statement waits for sessionHoldLock's lock.
func sessionLocked(t testing.TB, url string) {
	t.Helper()
	dbtest.Eventually(t, "a statement waits for the lock", func() bool {
		return sessionAsk[int](t, url, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`) > 0
	})
}

// thing is a row of the tests' own table.
type thing struct {
	ID        int64 `gorm:"primaryKey"`
	Title     string
	Link      string
	Status    string    `gorm:"default:pending"`
	CreatedAt time.Time `gorm:"default:now();autoCreateTime:false"`
}

// TableName implements gorm's Tabler.
func (thing) TableName() string { return "test_things" }
