package db_test

import (
	"errors"
	"strings"
	"testing"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
)

var errSessionUndo = errors.New("undo")

func TestSessionNestedTransactionsAreSavepoints(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		sessionMust(t, sessionInsert(tx, "outer"))
		undone := tx.Transaction(func(tx *gorm.DB) error {
			return errors.Join(sessionInsert(tx, "undone"), errSessionUndo)
		})
		refused := tx.Transaction(func(tx *gorm.DB) error { return sessionInsert(tx, "") }) // breaks a constraint
		if !errors.Is(undone, errSessionUndo) || db.Classify(refused) != db.Invalid {
			t.Errorf("undone: %v, refused: %v", undone, refused)
		}
		return tx.Transaction(func(tx *gorm.DB) error {
			sessionMust(t, sessionInsert(tx, "inner"))
			deepest := tx.Transaction(func(tx *gorm.DB) error { return errors.Join(sessionInsert(tx, "deep"), errSessionUndo) })
			if !errors.Is(deepest, errSessionUndo) {
				t.Errorf("deepest: %v", deepest)
			}
			return nil
		})
	})
	sessionMust(t, err)
	if got := sessionAsk[string](t, url, "SELECT string_agg(title, ' ' ORDER BY id) FROM items"); got != "outer inner" {
		t.Errorf("kept: %s, want outer and inner", got)
	}
	if n := conn.Counters().Acquires; n != 1 {
		t.Errorf("%d connections were taken, want 1", n)
	}
}

// TestSessionPrepareStmt: GORM's own statement cache is of no use here, but must not leave the transaction.
func TestSessionPrepareStmt(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	for range 3 { // the later ones meet the statement of the first in the cache
		s, tx := sessionNew(t, conn, t.Context())
		sessionMust(t, sessionInsert(tx.Session(&gorm.Session{PrepareStmt: true}), "undone"))
		if n := sessionRows(t, url); n != 0 {
			t.Fatalf("%d rows are visible before the end", n)
		}
		s.Rollback()
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows after ROLLBACK", n)
	}
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		return sessionInsert(tx.Session(&gorm.Session{PrepareStmt: true}), "kept")
	}))
	if n := sessionRows(t, url); n != 1 {
		t.Errorf("%d rows after COMMIT, want 1", n)
	}
	sessionIdle(t, conn, url)
}

// TestSessionPreparedElsewhere: GORM's cache is one for all sessions. One that gets no connection must not run its statement
// in the transaction of the session that prepared it.
func TestSessionPreparedElsewhere(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0), func(o *db.Options) { o.PoolTimeout = sessionShortly })
	first, tx := sessionNew(t, conn, t.Context())
	sessionMust(t, sessionInsert(tx.Session(&gorm.Session{PrepareStmt: true}), "of the first"))
	second, tx := sessionNew(t, conn, t.Context())
	err := sessionInsert(tx.Session(&gorm.Session{PrepareStmt: true}), "of the second")
	if !errors.Is(err, db.ErrPoolTimeout) {
		t.Errorf("the second session: %v, want ErrPoolTimeout", err)
	}
	second.Rollback()
	sessionMust(t, first.Commit())
	if got := sessionAsk[string](t, url, "SELECT string_agg(title, ', ') FROM items"); got != "of the first" {
		t.Errorf("committed: %s", got)
	}
}

// TestSessionWithoutAConnection: every way to send a statement reports why there is none.
func TestSessionWithoutAConnection(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t, sessionPool(1, 0), func(o *db.Options) { o.PoolTimeout = sessionShortly })
	_, holder := sessionNew(t, conn, t.Context())
	sessionMust(t, holder.Exec("SELECT 1").Error)
	var n int
	ways := map[string]func(*gorm.DB) error{
		"Exec": func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error },
		"Scan": func(tx *gorm.DB) error { return tx.Raw("SELECT 1").Scan(&n).Error },
		"Row":  func(tx *gorm.DB) error { return tx.Raw("SELECT 1").Row().Scan(&n) },
		"Rows": func(tx *gorm.DB) error { _, err := tx.Raw("SELECT 1").Rows(); return err }, //nolint:rowserrcheck // none
		"PrepareStmt": func(tx *gorm.DB) error {
			return tx.Session(&gorm.Session{PrepareStmt: true}).Exec("SELECT 1").Error
		},
	}
	for name, use := range ways {
		t.Run(name, func(t *testing.T) {
			s, tx := sessionNew(t, conn, t.Context())
			err := use(tx)
			if !errors.Is(err, db.ErrPoolTimeout) || db.Classify(err) != db.Unavailable {
				t.Errorf("%v, class %d, want ErrPoolTimeout", err, db.Classify(err))
			}
			s.Rollback()
		})
	}
}

// TestSessionRowsLeftOpen: rows that nobody closes hang neither COMMIT nor ROLLBACK, and spoil no connection.
func TestSessionRowsLeftOpen(t *testing.T) {
	t.Parallel()
	const many = "SELECT repeat('x', 1000) FROM generate_series(1, 20000)" // more than socket buffers hold
	leave := map[string]func(*gorm.DB) error{
		"Rows": func(tx *gorm.DB) error { _, err := tx.Raw(many).Rows(); return err }, //nolint:rowserrcheck // left open
		"Row":  func(tx *gorm.DB) error { return tx.Raw(many).Row().Err() },
		"prepared": func(tx *gorm.DB) error {
			_, err := tx.Session(&gorm.Session{PrepareStmt: true}).Raw(many).Rows() //nolint:rowserrcheck // left open
			return err
		},
	}
	for name, use := range leave {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, url, _ := sessionOpen(t, sessionPool(1, 0))
			s, tx := sessionNew(t, conn, t.Context())
			sessionMust(t, sessionInsert(tx, "a"))
			pid := sessionPID(t, tx)
			sessionMust(t, use(tx))
			sessionMust(t, s.Commit())
			if n := sessionRows(t, url); n != 1 {
				t.Errorf("%d rows, want 1", n)
			}
			s, tx = sessionNew(t, conn, t.Context())
			if again := sessionPID(t, tx); again != pid {
				t.Errorf("after COMMIT: backend %d, was %d", again, pid)
			}
			sessionMust(t, use(tx))
			s.Rollback()
			_, tx = sessionNew(t, conn, t.Context())
			if again := sessionPID(t, tx); again != pid {
				t.Errorf("after ROLLBACK: backend %d, was %d", again, pid)
			}
		})
	}
}

// TestSessionDebug: tx.Debug() logs, inside of the transaction, and hides parameters outside of dev.
func TestSessionDebug(t *testing.T) {
	t.Parallel()
	for _, dev := range []bool{true, false} {
		conn, url, log := sessionOpen(t, func(o *db.Options) { o.Dev = dev })
		s, tx := sessionNew(t, conn, t.Context())
		sessionMust(t, sessionInsert(tx, "quiet one"))
		sessionMust(t, sessionInsert(tx.Debug(), "a secret"))
		s.Rollback()
		text := log.String()
		if n := strings.Count(text, "INSERT INTO items"); n != 1 {
			t.Errorf("dev %v: %d statements are logged, want 1:\n%s", dev, n, text)
		}
		if shown := strings.Contains(text, "a secret"); shown != dev {
			t.Errorf("dev %v: parameters shown: %v", dev, shown)
		}
		if n := sessionRows(t, url); n != 0 {
			t.Errorf("%d rows after ROLLBACK", n)
		}
	}
}
