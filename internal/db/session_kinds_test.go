package db_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// TestSessionMadeReadOnlyByItself: that a statement of the program's forbids writes is
// its own fault, and no reason to replace connections or to ask for another try.
func TestSessionMadeReadOnlyByItself(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"SET TRANSACTION READ ONLY", "SET LOCAL transaction_read_only = on", "set local \"transaction_read_only\" to true", "SET TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY"} {
		conn, url, _ := sessionOpen(t, sessionPool(1, 0))
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			sessionMust(t, tx.Exec(query).Error)
			return sessionInsert(tx, "a")
		})
		if pg, _ := errors.AsType[*pgconn.PgError](err); pg == nil || pg.Code != "25006" || db.Classify(err) != db.Other {
			t.Errorf("%s: %v, class %d, want Other", query, err, db.Classify(err))
		}
		if c := conn.Counters(); c.Invalidated != 0 || c.Opened != 1 {
			t.Errorf("%s: %d connections were invalidated, %d opened", query, c.Invalidated, c.Opened)
		}
		sessionIdle(t, conn, url)
	}
}

// TestSessionCopiesNothing: COPY from the client would wait for data for as long as the session lives.
func TestSessionCopiesNothing(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	ways := map[string]func(tx *gorm.DB, query string) error{
		"Exec": func(tx *gorm.DB, query string) error { return tx.Exec(query).Error },
		"Rows": func(tx *gorm.DB, query string) error { _, err := tx.Raw(query).Rows(); return err },
	}
	for way, send := range ways {
		for _, query := range []string{"COPY test_things (title, link) FROM STDIN", "copy test_things to stdout (format csv)", "SELECT 1; COPY lines FROM stdin"} {
			ctx, cancel := context.WithTimeout(t.Context(), sessionPatience)
			err := conn.WithSession(ctx, func(tx *gorm.DB) error {
				sessionMust(t, sessionInsert(tx, "before"))
				_ = send(tx, query)
				return nil
			})
			cancel()
			if err == nil || db.Classify(err) != db.Other || !strings.Contains(err.Error(), "no data for COPY") || !strings.Contains(err.Error(), query) {
				t.Errorf("%s, %s: %v", way, query, err)
			}
		}
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows", n)
	}
	if c := conn.Counters(); c.Opened != 1 {
		t.Errorf("%d connections were opened", c.Opened)
	}
}

// TestSessionNumberOutOfRange: pgx refuses it before PostgreSQL can, and it is the same fault of a value.
func TestSessionNumberOutOfRange(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t, sessionPool(1, 0))
	for query, arg := range map[string]any{
		"SELECT 1 WHERE ?::int4 = 1": int64(1) << 40, "SELECT 1 WHERE ?::int2 = 1": -40000, "SELECT 1 WHERE ?::int8 = 1": "9223372036854775808",
		"SELECT 1 WHERE ?::bigint = 1": uint64(1) << 63, "SELECT 1 WHERE 1 = ANY (?::int4[])": []int64{1 << 40},
		"SELECT 1 WHERE ?::timestamptz > now()": time.Date(300000, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			return tx.Statement.ConnPool.QueryRowContext(t.Context(), strings.ReplaceAll(query, "?", "$1"), arg).Err()
		})
		if db.Classify(err) != db.Invalid {
			t.Errorf("%s: %v, class %d, want Invalid", query, err, db.Classify(err))
		}
	}
	err := conn.WithSession(t.Context(), func(tx *gorm.DB) error { return tx.Exec("SELECT ?::int4", make(chan int)).Error })
	if err == nil || db.Classify(err) != db.Other {
		t.Errorf("%v, class %d, want Other", err, db.Classify(err))
	}
}

// TestSessionZeroByte: in a statement's text it is a fault of the program's, and no line that was lost.
func TestSessionZeroByte(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t, sessionPool(1, 0))
	for _, args := range [][]any{nil, {1}} {
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			return tx.Exec("SELECT 'a\x00b'"+strings.Repeat(", ?::int", len(args)), args...).Error
		})
		if db.Classify(err) != db.Other || !strings.Contains(err.Error(), "zero byte") {
			t.Errorf("%v, class %d, want Other", err, db.Classify(err))
		}
	}
	if n := conn.Counters().Opened; n != 1 {
		t.Errorf("%d connections were opened", n)
	}
}

// TestSessionTableIsGone: a statement by the simple protocol has no plan that could be too old, so it is not sent again, and
// the connection is kept.
func TestSessionTableIsGone(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	dbtest.Exec(t, url, "CREATE TABLE gone (n int)")
	send := func() error {
		return conn.WithSession(t.Context(), func(tx *gorm.DB) error { return tx.Exec("DELETE FROM gone").Error })
	}
	sessionMust(t, send())
	dbtest.Exec(t, url, "DROP TABLE gone")
	if err := send(); err == nil || db.Classify(err) != db.Other || !strings.Contains(err.Error(), `relation "gone" does not exist`) {
		t.Errorf("%v, class %d, want the server's own error", err, db.Classify(err))
	}
	if c := conn.Counters(); c.Opened != 1 || c.Invalidated != 0 {
		t.Errorf("%d connections were opened, %d invalidated", c.Opened, c.Invalidated)
	}
}

// TestSessionKnowsNoSequenceOfAnother: what an INSERT has drawn is for its own session to ask for.
func TestSessionKnowsNoSequenceOfAnother(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t, sessionPool(1, 0))
	const last, current = "SELECT lastval()", "SELECT currval(pg_get_serial_sequence('test_things', 'id'))"
	for _, query := range []string{last, current, "SELECT last.* FROM (" + last + ") AS last"} {
		sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			sessionMust(t, sessionInsert(tx, "a"))
			for range 2 {
				if id, want := sessionScan[int](t, tx, query), sessionScan[int](t, tx, "SELECT max(id) FROM test_things"); id != want {
					t.Errorf("%s: %d, want %d", query, id, want)
				}
			}
			return nil
		}))
		for _, before := range []string{"", "SELECT 1"} {
			for _, opts := range [][]db.SessionOption{nil, {db.ReadOnly()}} {
				err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
					if before != "" {
						var none []string
						sessionMust(t, tx.Raw(before).Scan(&none).Error)
					}
					var id int
					return tx.Raw(query).Scan(&id).Error
				}, opts...)
				if pg, _ := errors.AsType[*pgconn.PgError](err); pg == nil || pg.Code != "55000" {
					t.Errorf("%s; %s: %v, want 55000", before, query, err)
				}
			}
		}
	}
}
