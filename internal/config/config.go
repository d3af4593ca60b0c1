// Package config holds every setting of the service: load.go lists names, defaults and meanings on one screen,
// url.go checks DATABASE_URL, dotenv.go reads .env, log.go shows the settings at start.
// Nothing here opens a connection or a listener, and nothing else reads the environment.
package config

import (
	"log/slog"
	"net"
	"strconv"
	"time"
)

// Environment says where the service runs; several defaults depend on it.
type Environment string

// The environments that ENVIRONMENT may name.
const (
	Dev        Environment = "dev"
	Test       Environment = "test"
	Production Environment = "production"
)

// Config is every setting, checked; load.go says what each one means.
type Config struct {
	Environment Environment
	Database    Database

	Host      string // empty: all interfaces, IPv4 and IPv6
	Port      int    // 0: any free port
	AdminAddr string // empty: not served

	RequestTimeout   time.Duration
	KeepAliveTimeout time.Duration // more than a load balancer's
	ShutdownTimeout  time.Duration
	ShutdownDelay    time.Duration
	MaxBodyBytes     int64
	IdempotencyTTL   time.Duration

	APIKeys            []Secret // none: item routes are open
	CORSAllowedOrigins []string // as browsers send them: lower case, no default port; or "*" alone
	TrustedProxies     []string // IP addresses and CIDR networks

	AutoMigrate bool
	LogLevel    slog.Level
}

// Database is what the connection pool and its sessions need to know.
type Database struct {
	URL     Secret   // postgres://…, whatever scheme and driver suffix were written
	URLFrom []string // variables that have filled in what DATABASE_URL leaves open, such as PGPASSWORD

	PoolSize     int
	MaxOverflow  int // PoolSize + MaxOverflow fits an int32
	PoolTimeout  time.Duration
	Recycle      time.Duration // below 0: never
	PrePing      bool
	OverflowIdle time.Duration
	MaxWaiting   int    // 0: no limit
	PoolReset    string // full or rollback

	ConnectTimeout    time.Duration
	ConnectRetries    int // attempts in all, the first included
	ConnectRetryDelay time.Duration

	StatementTimeout         time.Duration // whole milliseconds, as the server counts; 0: off
	IdleInTransactionTimeout time.Duration // whole milliseconds, as the server counts; 0: off

	MigrateLockTimeout time.Duration // whole milliseconds, as the server counts; above 0

	LeakThreshold time.Duration // 0: off
	SlowQuery     time.Duration // 0: off
	Echo          bool
	PgBouncer     bool
	Instances     int
}

// Addr is where the API listens, in the form that net.Listen takes.
func (c Config) Addr() string {
	return net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
}
