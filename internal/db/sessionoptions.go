package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"gorm.io/gorm"
)

// SessionOption sets how a session's transaction begins.
type SessionOption func(*sessionOptions)

type sessionOptions struct {
	isolation sql.IsolationLevel
	readOnly  bool
	replica   bool
	settings  []setting
	attempts  int
	watch     func(context.Context, Event)
	err       error // of an option that PostgreSQL cannot follow
}

// setting is a run-time parameter that holds until the transaction ends.
type setting struct {
	name  string
	value func(ctx context.Context) (string, error)
}

// ReadOnly begins READ ONLY: a statement that writes fails.
func ReadOnly() SessionOption { return func(o *sessionOptions) { o.readOnly = true } }

// ReadWrite undoes ReadOnly, for a GET that has to write.
func ReadWrite() SessionOption { return func(o *sessionOptions) { o.readOnly = false } }

// FromReplica lets a READ ONLY session read from the replica while that is not
// too far behind, and so not see what was committed just now.
func FromReplica() SessionOption { return func(o *sessionOptions) { o.replica = true } }

// FromPrimary undoes FromReplica, for a GET that has to see it.
func FromPrimary() SessionOption { return func(o *sessionOptions) { o.replica = false } }

// Isolation begins at a level other than the server's default (READ COMMITTED).
// One that PostgreSQL does not have is an error.
func Isolation(level sql.IsolationLevel) SessionOption {
	return func(o *sessionOptions) {
		switch o.isolation = level; level {
		case sql.LevelWriteCommitted, sql.LevelLinearizable:
			o.err = fmt.Errorf("isolation level %s: PostgreSQL has none", level)
		}
	}
}

// StatementTimeout replaces DB_STATEMENT_TIMEOUT in this session; 0 lifts it.
// PostgreSQL counts whole milliseconds: less than one is an error.
func StatementTimeout(limit time.Duration) SessionOption { return limited("statement_timeout", limit) }

// LockTimeout bounds the wait for a lock; 0 lifts the server's own limit. Less
// than a millisecond is an error.
func LockTimeout(limit time.Duration) SessionOption { return limited("lock_timeout", limit) }

// IdleInTransactionTimeout replaces DB_IDLE_IN_TRANSACTION_TIMEOUT in this
// session; 0 lifts it. Less than a millisecond is an error.
func IdleInTransactionTimeout(limit time.Duration) SessionOption {
	return limited("idle_in_transaction_session_timeout", limit)
}

// limited sets a time limit. One that PostgreSQL would take for 0, which is no
// limit, or could not hold is an error of the session.
func limited(name string, limit time.Duration) SessionOption {
	return func(o *sessionOptions) {
		if limit != 0 && (limit < time.Millisecond || limit > math.MaxInt32*time.Millisecond) {
			o.err = fmt.Errorf("%s: %v is not allowed: 0 for no limit, or 1 ms to 596 h", name, limit)
			return
		}
		text := strconv.FormatInt((limit + time.Millisecond - 1).Milliseconds(), 10)
		Local(name, func(context.Context) (string, error) { return text, nil })(o)
	}
}

// Local sets a run-time parameter to a value taken from the session's context,
// for the time of the transaction: the tenant that a policy of row-level
// security compares with, or the role. An error of value fails the session's
// first statement, and so the request. The setting travels with BEGIN.
func Local(name string, value func(ctx context.Context) (string, error)) SessionOption {
	return func(o *sessionOptions) { o.settings = append(o.settings, setting{name, value}) }
}

const setLocalSQL = "SELECT set_config($1, $2, true)"

// SetLocal sets a run-time parameter until the transaction of tx ends, like SET
// LOCAL, but with values that need no quoting. It fails outside of a session.
func SetLocal(tx *gorm.DB, name, value string) error {
	if sessionOf(tx) == nil {
		return errors.New("set local: tx belongs to no session")
	}
	if err := tx.Exec("SELECT set_config(?, ?, true)", name, value).Error; err != nil {
		return fmt.Errorf("%w %s: %w", errSetting, name, err)
	}
	return nil
}

// Retry lets WithSession call its function up to attempts times in all, each in
// a new transaction, when PostgreSQL reports a serialization failure or a
// deadlock. The function must be able to run again. It has no effect on requests.
func Retry(attempts int) SessionOption {
	return func(o *sessionOptions) { o.attempts = attempts }
}

// beginning is how a transaction begins: BEGIN, and settings that hold until
// its end.
type beginning struct {
	begin         string
	names, values []string
}

// errSetting wraps PostgreSQL's refusal of a setting, which is no client's fault.
var errSetting = errors.New("set local")

// beginning asks the options for the values of ctx.
func (o sessionOptions) beginning(ctx context.Context) (beginning, error) {
	b := beginning{begin: "BEGIN" + o.String()}
	if o.err != nil {
		return b, fmt.Errorf("session option: %w", o.err)
	}
	for _, s := range o.settings {
		value, err := s.value(ctx)
		if err != nil {
			return b, fmt.Errorf("%w %s: %w", errSetting, s.name, err)
		}
		b.names, b.values = append(b.names, s.name), append(b.values, value)
	}
	return b, nil
}

// String is what follows BEGIN.
func (o sessionOptions) String() string {
	var words strings.Builder
	if o.isolation != sql.LevelDefault {
		words.WriteString(" ISOLATION LEVEL " + isolationName(o.isolation))
	}
	if o.readOnly {
		words.WriteString(" READ ONLY")
	}
	return words.String()
}

// isolationName is PostgreSQL's name of a level: it calls SNAPSHOT REPEATABLE READ.
func isolationName(level sql.IsolationLevel) string {
	if level == sql.LevelSnapshot {
		level = sql.LevelRepeatableRead
	}
	return strings.ToUpper(level.String())
}
