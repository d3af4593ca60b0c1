package db

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// transactionAlone has a connection to the tests' server without a pool and without a transaction.
func transactionAlone(t *testing.T) *transaction {
	t.Helper()
	if testing.Short() {
		t.Skip("needs PostgreSQL")
	}
	cfg, err := pgx.ParseConfig(os.Getenv("TEST_DATABASE_URL"))
	if err != nil {
		t.Fatal(err)
	}
	cfg.OnNotice = noteWarning
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatalf("%v: run make test", err)
	}
	t.Cleanup(func() { conn.PgConn().Conn().Close() })
	new(DB).newState(conn)
	return &transaction{conn: conn}
}

// TestCommitWithoutATransaction: PostgreSQL answers with success and a warning. Nothing was committed, and that is known.
func TestCommitWithoutATransaction(t *testing.T) {
	t.Parallel()
	for _, dirty := range []bool{false, true} {
		l := transactionAlone(t)
		l.dirty, l.reset = dirty, stateOf(l.conn.PgConn()).reset
		err := l.commit(t.Context(), time.Minute)
		if !errors.Is(err, ErrTransactionEnded) || errors.Is(err, ErrCommitUnknown) || Classify(err) != Other {
			t.Errorf("%v, class %d, want ErrTransactionEnded", err, Classify(err))
		}
	}
}

// TestCommitWarned: any other warning leaves the outcome open, and one that came before COMMIT is none of its own.
func TestCommitWarned(t *testing.T) {
	t.Parallel()
	const warn = "DO $$ BEGIN RAISE WARNING 'of a statement'; END $$"
	const atCommit = `CREATE TEMP TABLE t (n int);
		CREATE OR REPLACE FUNCTION pg_temp.warn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'of the trigger'; RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER t AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION pg_temp.warn()`
	l := transactionAlone(t)
	for text, unknown := range map[string]bool{"": false, warn: false, "INSERT INTO t VALUES (1)": true} {
		for _, statement := range []string{"BEGIN", "DROP TABLE IF EXISTS t", atCommit, text} {
			if _, err := l.conn.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		err := l.commit(t.Context(), time.Minute)
		if errors.Is(err, ErrCommitUnknown) != unknown || !unknown && err != nil || unknown && !strings.Contains(err.Error(), "of the trigger") {
			t.Errorf("%q: %v, want unknown: %v", text, err, unknown)
		}
	}
}
