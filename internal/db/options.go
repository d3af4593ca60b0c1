package db

import (
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Options are the settings of the pool and of its sessions. Each has the name
// of its environment variable (DB_POOL_SIZE → PoolSize); the values are taken
// as they are, since package config has checked them.
type Options struct {
	URL string // secret; Options print without it

	PoolSize     int           // connections kept open
	MaxOverflow  int           // connections beyond PoolSize, for bursts
	PoolTimeout  time.Duration // one budget for waiting, connecting and beginning
	Recycle      time.Duration // age at which a connection is replaced; below 0 never
	PrePing      bool          // a dead connection is replaced before the caller notices
	OverflowIdle time.Duration // how long an overflow connection may lie idle
	MaxWaiting   int           // callers that may wait at once; 0: no limit
	Reset        Reset         // what a session leaves to the next one on its connection

	ConnectTimeout           time.Duration // one connection attempt, and one BEGIN
	StatementTimeout         time.Duration // server side; 0 off
	IdleInTransactionTimeout time.Duration // server side; 0 off
	PgBouncer                bool          // transaction pooling: no named statements, no start-up parameters

	MigrateLockTimeout time.Duration // a migration's statement waits so long for a lock; 0: 5 s
	Migrations         fs.FS         // the SQL files; nil: those of this program

	Replica    *Options      // of the server for sessions with FromReplica; nil: none
	ReadMaxLag time.Duration // how far that may be behind

	LeakThreshold time.Duration // a session open for longer is logged; 0 off
	SlowQuery     time.Duration // a statement that takes longer is logged; 0 off
	Echo          bool          // every statement is logged
	Dev           bool          // log statements' parameters and repeated statements
	Logger        *slog.Logger
}

// Reset says what is undone between two sessions on one connection.
type Reset string

// The values of Reset. The zero value is ResetFull.
const (
	ResetFull     Reset = "full"     // whatever a session has set, and its transaction
	ResetRollback Reset = "rollback" // its transaction only
)

// String is role, hosts and database of the URL.
func (o Options) String() string {
	cfg, err := parseURL(o.URL)
	if err != nil {
		return "[secret]" // what cannot be read may be a password
	}
	conn := cfg.ConnConfig
	return "postgres://" + url.User(conn.User).String() + "@" + strings.Join(hostsOf(conn), ",") + "/" + url.PathEscape(conn.Database)
}

// hostsOf are the URL's hosts with their ports, each once.
func hostsOf(conn *pgx.ConnConfig) []string {
	hosts := []string{net.JoinHostPort(conn.Host, strconv.Itoa(int(conn.Port)))}
	for _, next := range conn.Fallbacks { // other hosts, and the same ones with or without TLS
		host := net.JoinHostPort(next.Host, strconv.Itoa(int(next.Port)))
		if !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// Format keeps the URL out of every verb: String alone would leave %#v and %x.
func (o Options) Format(f fmt.State, _ rune) { io.WriteString(f, o.String()) }

// MarshalText keeps the URL out of JSON, XML and logs.
func (o Options) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

func (o Options) maxConns() int { return o.PoolSize + o.MaxOverflow }
