package db

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

func (d *doctor) serverVersion(ctx context.Context) (Finding, error) {
	var number int
	var text string
	const query = "SELECT current_setting('server_version_num')::int, current_setting('server_version')"
	if err := d.conn.QueryRow(ctx, query).Scan(&number, &text); err != nil {
		return Finding{}, err
	}
	return versionFinding(number/10000, text, time.Now()), nil
}

// oldestServer is the oldest version that has all that this package uses.
const oldestServer = 12

// versionFinding knows that PostgreSQL maintains version n, which comes in the
// autumn of the year 2007+n, for five years, until November.
// https://www.postgresql.org/support/versioning/
func versionFinding(major int, text string, now time.Time) Finding {
	detail := "PostgreSQL " + text
	switch end := time.Date(2012+major, time.November, 30, 0, 0, 0, 0, time.UTC); {
	case major < oldestServer:
		return Finding{Status: Fail, Detail: detail + " is too old", Advice: fmt.Sprintf("take PostgreSQL %d or later", oldestServer)}
	case now.After(end):
		return Finding{Status: Warn, Detail: fmt.Sprintf("%s gets no security updates since November %d", detail, end.Year()), Advice: "upgrade the server"}
	default:
		return Finding{Status: Sound, Detail: detail}
	}
}

func (d *doctor) replication(ctx context.Context) (Finding, error) {
	var standby, readOnly bool
	const query = "SELECT pg_is_in_recovery(), current_setting('transaction_read_only')::bool"
	if err := d.conn.QueryRow(ctx, query).Scan(&standby, &readOnly); err != nil {
		return Finding{}, err
	}
	switch {
	case standby:
		return Finding{
			Status: Fail, Detail: "a standby, which takes no writes",
			Advice: "name the primary in DATABASE_URL, or all hosts with target_session_attrs=read-write",
		}, nil
	case readOnly:
		return Finding{
			Status: Fail, Detail: "the primary, but its transactions are read only",
			Advice: "set default_transaction_read_only to off for the role, the database or the server",
		}, nil
	default:
		return Finding{Status: Sound, Detail: "the primary"}, nil
	}
}

func (d *doctor) tls(context.Context) (Finding, error) {
	socket := d.conn.PgConn().Conn()
	version := ""
	if encrypted, ok := socket.(*tls.Conn); ok {
		version = tls.VersionName(encrypted.ConnectionState().Version)
	}
	cfg := d.cfg.TLSConfig
	checked := cfg != nil && (!cfg.InsecureSkipVerify || cfg.VerifyPeerCertificate != nil) // verify-ca checks by the latter
	return tlsFinding(socket.RemoteAddr(), version, checked), nil
}

// tlsFinding is about the way to the server, or to the pooler before it.
func tlsFinding(to net.Addr, version string, checked bool) Finding {
	tcp, far := to.(*net.TCPAddr)
	far = far && !tcp.IP.IsLoopback()
	switch {
	case version == "" && !far:
		return Finding{Status: Sound, Detail: "none, and none needed on this machine"}
	case version == "":
		return Finding{Status: Warn, Detail: "none: password and data can be read on the way", Advice: "set sslmode=verify-full in DATABASE_URL"}
	case far && !checked:
		return Finding{
			Status: Warn, Detail: version + ", but nobody checks whose certificate it is",
			Advice: "set sslmode=verify-full, and sslrootcert for a CA of your own, in DATABASE_URL",
		}
	default:
		return Finding{Status: Sound, Detail: version}
	}
}

func (d *doctor) encoding(ctx context.Context) (Finding, error) {
	var server string
	if err := d.conn.QueryRow(ctx, "SELECT current_setting('server_encoding')").Scan(&server); err != nil {
		return Finding{}, err
	}
	if server != "UTF8" {
		return Finding{
			Status: Warn, Detail: "the database's is " + server + ": it refuses or spoils texts",
			Advice: "create the database with ENCODING 'UTF8' TEMPLATE template0",
		}, nil
	}
	return Finding{Status: Sound, Detail: server}, nil
}

func (d *doctor) clock(ctx context.Context) (Finding, error) {
	var micros int64
	asked := time.Now()
	if err := d.conn.QueryRow(ctx, "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").Scan(&micros); err != nil {
		return Finding{}, err
	}
	half := time.Since(asked) / 2
	return clockFinding(time.UnixMicro(micros).Sub(asked.Add(half)), half), nil
}

// clockTolerance is what servers that ask for the time stay well below.
const clockTolerance = time.Second

// clockFinding judges how far the server is ahead; the way there and back makes
// that uncertain.
func clockFinding(ahead, uncertain time.Duration) Finding {
	way := "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	detail := fmt.Sprintf("the server's is %v %s this machine's, give or take %v", ahead.Abs().Round(time.Millisecond), way, uncertain.Round(time.Millisecond))
	if ahead.Abs()-uncertain > clockTolerance {
		return Finding{Status: Warn, Detail: detail, Advice: "have both ask for the time (NTP): the times in the log and in the tables can not be compared"}
	}
	return Finding{Status: Sound, Detail: detail}
}

// serverTimeouts are the limits that a session has, by the server's names.
type serverTimeouts map[string]time.Duration

func (t serverTimeouts) String() string {
	var list []string
	for _, name := range timeouts {
		if limit, known := t[name]; known && limit > 0 {
			list = append(list, fmt.Sprintf("%s %v", name, limit))
		} else if known {
			list = append(list, name+" off")
		}
	}
	return strings.Join(list, ", ")
}

func (d *doctor) timeouts(ctx context.Context) (Finding, error) {
	rows, err := d.conn.Query(ctx, "SELECT name, setting::bigint FROM pg_settings WHERE name = ANY ($1)", timeouts)
	if err != nil {
		return Finding{}, err
	}
	found := serverTimeouts{}
	var name string
	var millis int64
	_, err = pgx.ForEachRow(rows, []any{&name, &millis}, func() error {
		found[name] = time.Duration(millis) * time.Millisecond
		return nil
	})
	return d.timeoutFinding(found), err
}

func (d *doctor) timeoutFinding(found serverTimeouts) Finding {
	var faults, advice []string
	for _, limit := range []struct {
		name, variable, means string
		wanted                time.Duration
	}{
		{"statement_timeout", "DB_STATEMENT_TIMEOUT", "a statement may run for ever", d.opts.StatementTimeout},
		{"idle_in_transaction_session_timeout", "DB_IDLE_IN_TRANSACTION_TIMEOUT", "a lost client may hold its locks for ever", d.opts.IdleInTransactionTimeout},
	} {
		switch {
		case found[limit.name] > 0:
		case limit.wanted > 0:
			faults = append(faults, fmt.Sprintf("%s does not reach the server: %s", limit.variable, limit.means))
			advice = append(advice, fmt.Sprintf("ALTER ROLE … SET %s = '%dms'", limit.name, limit.wanted.Milliseconds()))
		default:
			faults = append(faults, limit.means)
			advice = append(advice, "set "+limit.variable)
		}
	}
	if found["idle_session_timeout"] > 0 {
		faults = append(faults, "the server ends the pool's idle connections")
		advice = append(advice, "ALTER ROLE … SET idle_session_timeout = 0")
	}
	if len(faults) > 0 {
		return Finding{Status: Warn, Detail: found.String() + "; " + strings.Join(faults, "; "), Advice: strings.Join(advice, "; ")}
	}
	return Finding{Status: Sound, Detail: found.String()}
}
