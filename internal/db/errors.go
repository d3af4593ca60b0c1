package db

import (
	"context"
	"errors"
	"io"
	"net"
	"regexp"

	"github.com/jackc/pgx/v5/pgconn"
)

// The errors of pool and session. Wrapped around the cause, which is for the log.
var (
	ErrURL           = errors.New("DATABASE_URL cannot be used")
	ErrPoolTimeout   = errors.New("no connection within the pool's time-out")
	ErrQueueFull     = errors.New("too many requests wait for a connection")
	ErrUnavailable   = errors.New("database unavailable")
	ErrCommitUnknown = errors.New("outcome of COMMIT unknown")

	// Programming errors: the session is rolled back, whatever its owner does.
	ErrSessionOwned     = errors.New("the session's owner ends the transaction: return nil to commit, an error to roll back")
	ErrSessionBusy      = errors.New("a session has one statement at a time")
	ErrTransactionEnded = errors.New("the transaction was ended")

	errClosed = errors.New("the pool is closed")
)

// Class says what an error means to a caller, whatever its code.
type Class int

// The classes of Classify.
const (
	Other       Class = iota // a fault of the program, or no error of the database
	Conflict                 // a unique, foreign key or exclusion constraint is violated
	Invalid                  // a value that the schema or a type refuses
	Unavailable              // may work when tried again: load, locks, restarts, network
)

// sqlstates maps codes, or their first two characters, to classes.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var sqlstates = map[string]Class{
	"23505": Conflict, "23503": Conflict, "23P01": Conflict, "23001": Conflict,
	"23502": Invalid, "23514": Invalid, "22": Invalid,
	"08": Unavailable, "53": Unavailable, "57": Unavailable, "58": Unavailable,
	"40": Unavailable, "55P03": Unavailable, "55006": Unavailable,
	"26000": Unavailable,                       // a prepared statement is gone: the next try prepares it
	"25P03": Unavailable, "25P04": Unavailable, // ended by the server: idle or too long in the transaction
}

// outOfRange is what pgx says of a whole number that the parameter's type cannot
// hold. It sends none, so that PostgreSQL cannot say 22003.
var outOfRange = regexp.MustCompile(`(?s)failed to encode args.* is (greater than maximum|less than minimum) value for int\d`)

// Classify returns the class of an error that a session returned. A programming
// error is Other, whatever other errors it has caused.
func Classify(err error) Class {
	for _, misuse := range []error{ErrSessionOwned, ErrSessionBusy, ErrTransactionEnded} {
		if errors.Is(err, misuse) {
			return Other
		}
	}
	for _, known := range []error{ErrUnavailable, ErrPoolTimeout, ErrQueueFull, ErrCommitUnknown} {
		if errors.Is(err, known) {
			return Unavailable
		}
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		if pg.Code == "22023" && errors.Is(err, errSetting) { // not a value of this parameter
			return Other
		}
		return classifyState(pg.Code)
	}
	if err != nil && outOfRange.MatchString(err.Error()) {
		return Invalid
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return Other
	}
	_, network := errors.AsType[net.Error](err)
	if network || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err) {
		return Unavailable
	}
	return Other
}

func classifyState(code string) Class {
	if class, ok := sqlstates[code]; ok {
		return class
	}
	return sqlstates[code[:min(2, len(code))]]
}

// sqlstate is PostgreSQL's code for an error, or "" if it is not the server's.
func sqlstate(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// isReadOnlyServer recognises a server that was demoted or set to read only.
// In a session that asked for READ ONLY itself it is the program's fault instead.
func isReadOnlyServer(err error) bool { return sqlstate(err) == "25006" }

// rolledBack reports whether an error of COMMIT, sent on an open connection,
// proves that nothing was committed. All others leave the outcome open.
func rolledBack(err error) bool {
	if errors.Is(err, pgconn.ErrConnClosed) {
		return false // pgx calls it safe to retry, but says it of lines that break after COMMIT was sent, too
	}
	if pgconn.SafeToRetry(err) {
		return true
	}
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Code == "40003" || pg.Code == "08007" {
		return false
	}
	return pg.SeverityUnlocalized == "ERROR" || pg.SeverityUnlocalized == "" && pg.Severity == "ERROR"
}

func isUnknown(err error) bool { return errors.Is(err, ErrCommitUnknown) }
