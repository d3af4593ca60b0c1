package db_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// poolMess is a transaction that holds locks and has set what it could.
func poolMess(tx *gorm.DB) error {
	return tx.Exec("SELECT pg_advisory_xact_lock(42)").
		Exec("LOCK TABLE test_things IN SHARE MODE").
		Exec("SET LOCAL statement_timeout = 12345").
		Exec("SET LOCAL search_path = pg_catalog").
		Exec("SET LOCAL TIME ZONE 'Asia/Tokyo'").Error
}

// poolLeavings are what a caller may do to a transaction before it ends.
var poolLeavings = map[string]func(s *db.Session, leave context.CancelFunc) error{
	"commit":           func(s *db.Session, _ context.CancelFunc) error { return s.Commit() },
	"rollback":         func(s *db.Session, _ context.CancelFunc) error { s.Rollback(); return nil },
	"failed statement": poolLeaveFailed,
	"commit of failed": poolLeaveCommitFailed,
	"rows left open":   poolLeaveRows,
	"gone in a query":  poolLeaveInQuery,
	"gone in between":  func(s *db.Session, leave context.CancelFunc) error { leave(); s.Rollback(); return nil },
	"in a savepoint": func(s *db.Session, _ context.CancelFunc) error {
		defer s.Rollback()
		return s.DB().SavePoint("a").Error
	},
	"commit in between": poolLeaveOwnEnd,
}

func poolLeaveFailed(s *db.Session, _ context.CancelFunc) error {
	defer s.Rollback()
	if s.DB().Exec("SELECT 1/0").Error == nil {
		return errors.New("1/0 succeeded")
	}
	return nil
}

func poolLeaveCommitFailed(s *db.Session, _ context.CancelFunc) error {
	s.DB().Exec("SELECT 1/0")
	if s.Commit() == nil {
		return errors.New("COMMIT succeeded after an error")
	}
	return nil
}

func poolLeaveRows(s *db.Session, _ context.CancelFunc) error {
	defer s.Rollback()
	rows, err := s.DB().Raw("SELECT generate_series(1, 100000)").Rows()
	if err == nil && !rows.Next() {
		err = errors.New("no row")
	}
	return errors.Join(err, rows.Err())
}

func poolLeaveInQuery(s *db.Session, leave context.CancelFunc) error {
	defer s.Rollback()
	time.AfterFunc(50*time.Millisecond, leave)
	if s.DB().Exec("SELECT pg_catalog.pg_sleep(60)").Error == nil {
		return errors.New("the query was not cancelled")
	}
	return nil
}

// poolLeaveOwnEnd tries to go behind the session's back.
func poolLeaveOwnEnd(s *db.Session, _ context.CancelFunc) error {
	defer s.Rollback()
	if err := s.DB().Exec("COMMIT").Error; !errors.Is(err, db.ErrSessionOwned) {
		return fmt.Errorf("COMMIT: %v, want ErrSessionOwned", err)
	}
	return nil
}

// TestPool_ResetOnReturn: no transaction, no lock and no setting of one survives
// a hand-back, and the next session works. (test_reset_on_return, ResetOnReturnTest)
func TestPool_ResetOnReturn(t *testing.T) {
	t.Parallel()
	for name, end := range poolLeavings {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := poolNew(t, 1, 0, nil)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			before := p.backends()
			s := p.NewSession(ctx)
			if err := poolMess(s.DB()); err != nil {
				t.Fatal(err)
			}
			if err := end(s, leave); err != nil {
				t.Error(err)
			}
			p.looksReset()
			if after := p.backends(); !slices.Equal(after, before) {
				t.Errorf("backend %v was not reset but replaced, by %v", before, after)
			}
		})
	}
}

func (p *poolUnderTest) looksReset() {
	p.t.Helper()
	if n := p.look(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
		AND application_name <> 'dbtest' AND pid <> pg_backend_pid() AND (xact_start IS NOT NULL OR state <> 'idle')`); n != 0 {
		p.t.Errorf("%d transactions are left", n)
	}
	if n := p.look(`SELECT count(*) FROM pg_locks WHERE pid <> pg_backend_pid()
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`); n != 0 {
		p.t.Errorf("%d locks are left", n)
	}
	var timeout, path, zone string
	next := p.take()
	row := next.DB().Raw("SELECT current_setting('statement_timeout'), current_setting('search_path'), current_setting('timezone')").Row()
	if err := row.Scan(&timeout, &path, &zone); err != nil || timeout == "12345ms" || path == "pg_catalog" || zone == "Asia/Tokyo" {
		p.t.Errorf("the next session has %s, %s, %s: %v", timeout, path, zone, err)
	}
	if err := next.Commit(); err != nil {
		p.t.Error(err)
	}
}

// TestPool_IsolationReset: nor does an isolation level or READ ONLY. (test_reset_characteristics)
func TestPool_IsolationReset(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 1, 0, nil)
	strict := p.NewSession(t.Context(), db.ReadOnly(), db.Isolation(sql.LevelSerializable), db.StatementTimeout(time.Minute))
	var pid int
	if err := strict.DB().Raw("SELECT pg_backend_pid()").Scan(&pid).Error; err != nil {
		t.Fatal(err)
	}
	strict.Rollback()
	next := p.take()
	var level, readOnly, timeout string
	row := next.DB().Raw("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only'), current_setting('statement_timeout')").Row()
	if err := row.Scan(&level, &readOnly, &timeout); err != nil || level != "read committed" || readOnly != "off" || timeout != "0" {
		t.Errorf("the next session begins with %s, read only %s, time-out %s: %v", level, readOnly, timeout, err)
	}
	if next.pid != pid {
		t.Errorf("backend %d was replaced by %d", pid, next.pid)
	}
}

// TestPool_ServerSettings: what the pool tells the server for each of its connections.
func TestPool_ServerSettings(t *testing.T) {
	t.Parallel()
	opts := poolOptions(dbtest.Things(t), 1, 0)
	opts.StatementTimeout, opts.IdleInTransactionTimeout = 1500*time.Millisecond, 20*time.Second
	p := poolOpen(t, opts, opts.URL)
	if n := p.look("SELECT count(*) FROM pg_stat_activity WHERE pid = any($1) AND starts_with(application_name, 'transcription-api ')",
		p.backends()); n != 1 {
		t.Errorf("%d backends bear the application's name, want 1", n)
	}
	s := p.take()
	var statement, idle string
	row := s.DB().Raw("SELECT current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')").Row()
	if err := row.Scan(&statement, &idle); err != nil || statement != "1500ms" || idle != "20s" {
		t.Errorf("time-outs %s and %s: %v", statement, idle, err)
	}
	start := time.Now()
	err := s.DB().Exec("SELECT pg_sleep(60)").Error
	if took := time.Since(start); db.Classify(err) != db.Unavailable || took < 1500*time.Millisecond || took > poolPatience {
		t.Errorf("a long statement ended after %v with %v", took, err)
	}
}
