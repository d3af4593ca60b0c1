package db

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// startupParameter is how PgBouncer names a parameter that it can not keep.
var startupParameter = regexp.MustCompile(`unsupported startup parameter(?: in options)?: (\S+)`)

// refusal makes an error of a connection that was refused for its parameters
// one of the URL, with what to set. Others are returned as they are.
func (o Options) refusal(err error) error {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return err
	}
	if match := startupParameter.FindStringSubmatch(pg.Message); match != nil {
		return fmt.Errorf("%w: PgBouncer refuses the start-up parameter %s; %s: %w", ErrURL, match[1], o.poolerAdvice(match[1]), pg)
	}
	switch {
	case pg.Code == "0A000" && !o.PgBouncer: // RDS Proxy: "currently doesn't support the option …"
		return fmt.Errorf("%w: it is refused as it stands; set DB_PGBOUNCER=true if it points at a pooler: %w", ErrURL, pg)
	case pg.Code == "42704", pg.Code == "55P02", pg.Code == "22023", pg.Code == "42601", pg.Code == "0A000",
		pg.Code == "42501" && strings.Contains(pg.Message, "parameter"):
		return fmt.Errorf("%w: the server refuses one of its parameters; correct it, or take it out: %w", ErrURL, pg)
	}
	return err
}

// poolerAdvice depends on whether this program has added parameters of its own.
func (o Options) poolerAdvice(parameter string) string {
	ignore := "let PgBouncer ignore it (ignore_startup_parameters = " + parameter + ")"
	if o.PgBouncer {
		return "take it out of the URL and set it for the role (ALTER ROLE … SET), or " + ignore
	}
	return "set DB_PGBOUNCER=true, or " + ignore
}

// poolerRefusals are PgBouncer's words for what will not change. It has one
// code for these and for a server that is down.
var poolerRefusals = []string{"no such database", "no such user", "authentication failed", "bouncer config error"}

// permanent reports whether connecting again can not help: wrong password, no
// such role, database or schema, access refused, no TLS or not the right one.
func permanent(err error) bool {
	if _, missing := errors.AsType[missingSchema](err); missing {
		return true
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		said := func(words string) bool { return strings.Contains(pg.Message, words) }
		pooler := pg.Code == "08P01" && slices.ContainsFunc(poolerRefusals, said)
		return strings.HasPrefix(pg.Code, "28") || pg.Code == "3D000" || pg.Code == "42501" || pooler
	}
	_, unreached := errors.AsType[*net.OpError](err)
	if unreached || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // another host of the URL, or the same one without TLS
		return false
	}
	_, certificate := errors.AsType[*tls.CertificateVerificationError](err)
	return certificate || strings.Contains(err.Error(), "server refused TLS connection")
}
