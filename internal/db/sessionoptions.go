package db

import (
	"database/sql"
	"fmt"
	"strings"
	"time"
)

// SessionOption sets how a session's transaction begins.
type SessionOption func(*sessionOptions)

type sessionOptions struct {
	isolation        sql.IsolationLevel
	readOnly         bool
	statementTimeout time.Duration
	lockTimeout      time.Duration
	attempts         int
}

// ReadOnly begins READ ONLY: a statement that writes fails.
func ReadOnly() SessionOption { return func(o *sessionOptions) { o.readOnly = true } }

// Isolation begins at a level other than the server's default (READ COMMITTED).
func Isolation(level sql.IsolationLevel) SessionOption {
	return func(o *sessionOptions) { o.isolation = level }
}

// StatementTimeout replaces DB_STATEMENT_TIMEOUT in this session, at the cost
// of one more round trip.
func StatementTimeout(limit time.Duration) SessionOption {
	return func(o *sessionOptions) { o.statementTimeout = limit }
}

// LockTimeout bounds the wait for a lock, at the cost of one more round trip.
func LockTimeout(limit time.Duration) SessionOption {
	return func(o *sessionOptions) { o.lockTimeout = limit }
}

// Retry lets WithSession call its function up to attempts times in all, each in
// a new transaction, when PostgreSQL reports a serialization failure or a
// deadlock. The function must be able to run again. It has no effect on requests.
func Retry(attempts int) SessionOption {
	return func(o *sessionOptions) { o.attempts = attempts }
}

// String is what follows BEGIN in the log.
func (o sessionOptions) String() string {
	var words strings.Builder
	if o.isolation != sql.LevelDefault {
		words.WriteString(" ISOLATION LEVEL " + strings.ToUpper(o.isolation.String()))
	}
	if o.readOnly {
		words.WriteString(" READ ONLY")
	}
	return words.String()
}

// limits are the statements that set the session's own time limits, none by default.
func (o sessionOptions) limits() []string {
	var sets []string
	if o.statementTimeout > 0 {
		sets = append(sets, fmt.Sprintf("SET LOCAL statement_timeout = %d", o.statementTimeout.Milliseconds()))
	}
	if o.lockTimeout > 0 {
		sets = append(sets, fmt.Sprintf("SET LOCAL lock_timeout = %d", o.lockTimeout.Milliseconds()))
	}
	return sets
}

// applyLimits sets them on the transaction just begun.
func (s *Session) applyLimits(l *lease) error {
	for _, set := range s.opts.limits() {
		if _, err := l.tx.ExecContext(s.ctx, set); err != nil {
			s.fail(err)
			return fmt.Errorf("set limits: %w", err)
		}
	}
	return nil
}
