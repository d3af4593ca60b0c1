package db_test

import (
	"context"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// migrateFiles makes a folder of migrations of names and texts, in turn.
func migrateFiles(namesAndTexts ...string) fs.FS {
	files := fstest.MapFS{}
	for pair := range slices.Chunk(namesAndTexts, 2) {
		files[pair[0]] = &fstest.MapFile{Data: []byte(pair[1])}
	}
	return files
}

// migrateTest is a database and the migrations for it.
type migrateTest struct {
	t    *testing.T
	url  string // the database itself
	opts db.Options
	log  *dbtest.Log
}

func migrateNew(t *testing.T, files fs.FS) *migrateTest {
	t.Helper()
	url, log := dbtest.Empty(t), new(dbtest.Log)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", log)
		}
	})
	opts := poolOptions(url, 1, 0)
	opts.Migrations, opts.MigrateLockTimeout = files, poolPatience
	opts.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return &migrateTest{t, url, opts, log}
}

func (m *migrateTest) exec(sql string) {
	m.t.Helper()
	dbtest.Exec(m.t, m.url, sql)
}

// one asks the database for one text.
func (m *migrateTest) one(sql string) string {
	m.t.Helper()
	return dbtest.Ask[string](m.t, m.url, sql)
}

// migrator is one instance's.
func (m *migrateTest) migrator() *db.Migrator {
	m.t.Helper()
	migrator, err := db.NewMigrator(m.opts)
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = migrator.Close() })
	return migrator
}

// up applies the files, and must end within the patience.
func (m *migrateTest) up() ([]string, error) {
	m.t.Helper()
	migrator := m.migrator()
	ctx, cancel := context.WithTimeout(m.t.Context(), 2*poolPatience)
	defer cancel()
	return migrator.Up(ctx)
}

func (m *migrateTest) mustUp() {
	m.t.Helper()
	if _, err := m.up(); err != nil {
		m.t.Fatal(err)
	}
}

// hold begins a transaction that has run a statement, and keeps it open until release.
func (m *migrateTest) hold(sql string) (pid uint32, release func()) {
	m.t.Helper()
	conn := dbtest.Connect(m.t, m.url)
	tx, err := conn.Begin(m.t.Context())
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := tx.Exec(m.t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		m.t.Fatal(err)
	}
	return conn.PgConn().PID(), sync.OnceFunc(func() {
		if err := tx.Rollback(context.WithoutCancel(m.t.Context())); err != nil {
			m.t.Error(err)
		}
	})
}

// waits polls until a query is true.
func (m *migrateTest) waits(what, sql string) {
	m.t.Helper()
	conn := dbtest.Connect(m.t, m.url)
	dbtest.Eventually(m.t, what, func() bool {
		var is bool
		if err := conn.QueryRow(m.t.Context(), sql).Scan(&is); err != nil {
			m.t.Fatal(err)
		}
		return is
	})
}

// started runs up beside the test.
func (m *migrateTest) started(ctx context.Context) <-chan error {
	m.t.Helper()
	migrator, done := m.migrator(), make(chan error, 1)
	go func() {
		_, err := migrator.Up(ctx)
		done <- err
	}()
	return done
}

func (m *migrateTest) ended(done <-chan error) error {
	m.t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(2 * poolPatience):
		m.t.Fatal("the migration does not end")
		return nil
	}
}
