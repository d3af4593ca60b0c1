package db

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// The statements that undo what outlives a transaction. DISCARD ALL would end
// pgx's prepared statements as well. RESET SESSION AUTHORIZATION and RESET ROLE
// come first, since the others may need the rights of the role that logged in.
const (
	resetSettings = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL"
	resetObjects  = "; CLOSE ALL; UNLISTEN *; DISCARD TEMP; DISCARD SEQUENCES; SELECT pg_catalog.pg_advisory_unlock_all()"
)

// reported are the settings whose changes PostgreSQL tells its clients of.
// Older servers report fewer of them.
var reported = []string{
	"application_name", "client_encoding", "DateStyle", "IntervalStyle", "TimeZone", "standard_conforming_strings",
	"default_transaction_read_only", "is_superuser", "session_authorization", "search_path",
}

// bounced are the settings that PgBouncer keeps for each of its clients. RESET
// ALL would give the client those that PgBouncer itself has connected with.
var bounced = []string{"application_name", "client_encoding", "DateStyle", "TimeZone", "standard_conforming_strings"}

func reportedBy(conn *pgconn.PgConn) (values [10]string) {
	for i, name := range reported {
		values[i] = conn.ParameterStatus(name)
	}
	return values
}

// resetSQL brings the connection back to the state in which it is now, when it
// has just been opened.
func (o Options) resetSQL(conn *pgconn.PgConn) string {
	sql := resetSettings
	if o.PgBouncer {
		for _, name := range bounced {
			sql += "; SET " + name + " = '" + strings.ReplaceAll(conn.ParameterStatus(name), "'", "''") + "'"
		}
	}
	return sql + resetObjects
}

// keepClean notes what has to be undone at the end of the transaction: what the
// texts of its statements may have set. What has changed without that shows when
// the transaction has ended: see resetAfter.
func (s *Session) keepClean(t *transaction) {
	if s.db.opts.Reset == ResetRollback {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	t.reset, t.dirty, t.spoilt = stateOf(t.conn.PgConn()).reset, s.dirty, s.spoilt
	if s.spoilt && s.at.opts.PgBouncer { // the backend stays when its client goes
		t.reset, t.spoilt = t.reset+"; DEALLOCATE ALL", false
	}
}

// changed reports that a setting has another value than when the connection was
// opened. PostgreSQL reports changes by itself, so that this costs no question and
// finds also what a trigger has set.
func (t *transaction) changed() bool {
	return reportedBy(t.conn.PgConn()) != stateOf(t.conn.PgConn()).reported
}

// resetAfter resets the connection where the end of the transaction, with the
// reset that went with it, was not enough. One that cannot be reset is spoilt.
func (t *transaction) resetAfter(ctx context.Context, endErr error) {
	if t.reset == "" || t.lost() || t.open() || !t.changed() && (endErr == nil || !t.dirty) {
		return
	}
	_, err := t.conn.PgConn().Exec(ctx, t.reset).ReadAll()
	t.spoilt = t.spoilt || err != nil || t.changed()
}
