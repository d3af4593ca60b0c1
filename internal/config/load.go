package config

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"
)

// Load reads every setting through lookup. Its error lists every mistake, one to a line, each naming the variable,
// what is wrong with its value and what is allowed. An empty value counts as not set; no secret is ever quoted.
func Load(lookup func(string) (string, bool)) (Config, error) {
	r := &reader{lookup: lookup}
	env := r.environment("ENVIRONMENT", Dev) // first: other defaults hang on it
	production := env == Production

	c := Config{
		Environment: env,
		Database:    r.database(env),

		Host:      r.host("HOST", choose(production, "", "127.0.0.1")), // where the API listens
		Port:      r.whole("PORT", 8080, 0, 65535),                     // 0: any free port
		AdminAddr: r.addr("ADMIN_ADDR"),                                // where /metrics and /debug/pprof/ listen

		RequestTimeout:   r.positive("REQUEST_TIMEOUT", 60*time.Second),                      // for one request
		KeepAliveTimeout: r.positive("KEEP_ALIVE_TIMEOUT", 120*time.Second),                  // of a connection without a request
		ShutdownTimeout:  r.seconds("SHUTDOWN_TIMEOUT", 30*time.Second),                      // for requests and background work to finish
		ShutdownDelay:    r.seconds("SHUTDOWN_DELAY", choose(production, 5*time.Second, 0)),  // of "not ready" before the listener closes
		MaxBodyBytes:     int64(r.whole("MAX_BODY_BYTES", 1<<20 /* 1 MiB */, 1, maxInteger)), // larger bodies get 413
		IdempotencyTTL:   r.positive("IDEMPOTENCY_TTL", 24*time.Hour),                        // an Idempotency-Key is remembered so long

		APIKeys:            r.keys("API_KEYS"),                // one of them must come as a bearer token; none: open
		CORSAllowedOrigins: r.origins("CORS_ALLOWED_ORIGINS"), // that browsers may call from
		TrustedProxies:     r.proxies("TRUSTED_PROXIES"),      // whose X-Forwarded-For is believed

		AutoMigrate: r.boolean("AUTO_MIGRATE", !production), // apply pending migrations at start
		LogLevel:    r.level("LOG_LEVEL", slog.LevelInfo),
	}
	if len(r.mistakes) > 0 {
		return Config{}, errors.Join(r.mistakes...)
	}
	return c, nil
}

// maxInteger bounds every count: the pool and PostgreSQL hold them in 32 bits.
const maxInteger = math.MaxInt32

func (r *reader) database(env Environment) Database {
	address, from := r.address("DATABASE_URL")
	d := Database{
		URL:     address.url(),
		URLFrom: from, // PostgreSQL's own variables that say what the URL leaves open

		PoolSize:     r.whole("DB_POOL_SIZE", 5, 1, maxInteger),        // connections kept open
		MaxOverflow:  r.whole("DB_MAX_OVERFLOW", 10, 0, maxInteger),    // connections beyond that, for bursts
		PoolTimeout:  r.positive("DB_POOL_TIMEOUT", 30*time.Second),    // a request waits so long for a connection
		Recycle:      r.recycle("DB_POOL_RECYCLE", time.Hour),          // then a connection is replaced; -1: never
		PrePing:      r.boolean("DB_POOL_PRE_PING", true),              // replace a stale connection before it is used
		OverflowIdle: r.seconds("DB_OVERFLOW_IDLE", 30*time.Second),    // then an idle overflow connection is closed
		MaxWaiting:   r.whole("DB_POOL_MAX_WAITING", 0, 0, maxInteger), // requests waiting at once; beyond it 503
		PoolReset:    r.oneOf("DB_POOL_RESET", "full", "rollback"),     // what a session has set is undone after it; or its transaction only

		ConnectTimeout:    r.positive("DB_CONNECT_TIMEOUT", 5*time.Second),    // for one attempt
		ConnectRetries:    r.whole("DB_CONNECT_RETRIES", 5, 1, maxInteger),    // attempts in all at start-up
		ConnectRetryDelay: r.seconds("DB_CONNECT_RETRY_DELAY", 2*time.Second), // between attempts

		StatementTimeout:         r.server("DB_STATEMENT_TIMEOUT", 30*time.Second),           // then the server ends the statement
		IdleInTransactionTimeout: r.server("DB_IDLE_IN_TRANSACTION_TIMEOUT", 60*time.Second), // then the server ends the session

		MigrateLockTimeout: r.serverPositive("DB_MIGRATE_LOCK_TIMEOUT", 5*time.Second), // a migration's statement waits so long for a lock

		LeakThreshold: r.seconds("DB_LEAK_THRESHOLD", choose(env == Dev, 30*time.Second, 0)), // then an open session is logged
		SlowQuery:     r.seconds("DB_SLOW_QUERY", 200*time.Millisecond),                      // from here a statement is logged as slow
		Echo:          r.boolean("DB_ECHO", false),                                           // log every statement
		PgBouncer:     r.boolean("DB_PGBOUNCER", false),                                      // the URL points at PgBouncer in transaction mode
		Instances:     r.whole("DB_INSTANCES", 1, 1, maxInteger),                             // that share the server's connections
	}
	d.PgBouncer = d.PgBouncer || address.params["pgbouncer"] == "true" // Prisma's way to say it
	d.ConnectTimeout = cmp.Or(address.connectTimeout(), d.ConnectTimeout)
	if sum := int64(d.PoolSize) + int64(d.MaxOverflow); sum > maxInteger {
		r.mistake("DB_MAX_OVERFLOW", fmt.Sprintf("makes %d connections with DB_POOL_SIZE", sum),
			fmt.Sprintf("at most %d together", maxInteger))
	}
	if d.Echo && env == Production {
		r.mistake("DB_ECHO", "true is refused in production", "false")
	}
	return d
}

// choose is then if the condition holds, else otherwise.
func choose[T any](is bool, then, otherwise T) T {
	if is {
		return then
	}
	return otherwise
}
