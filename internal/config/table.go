package config

import "time"

// A setting is one variable: its default, written as in .env.example, and what its value may be and where it goes.
type setting struct {
	name, fallback string
	kind
}

// table is every setting, for this Config's environment. What each means is said in .env.example and where it goes.
func (c *Config) table() []setting {
	d, api := &c.DB, &c.API
	dev, production := c.Environment == Dev, c.Environment == Production
	return []setting{
		{"ENVIRONMENT", "dev", word(&c.Environment, "dev, test or production")},
		{"HOST", choose(production, "", "127.0.0.1"), host(&c.Host)},
		{"PORT", "8080", whole(&c.Port, 0, 65535)},
		{"ADMIN_ADDR", "", hostPort(&c.AdminAddr)},
		{"KEEP_ALIVE_TIMEOUT", "120", seconds(&c.KeepAliveTimeout, 1, maxTime)},
		{"SHUTDOWN_TIMEOUT", "30", seconds(&c.ShutdownTimeout, 0, maxTime)},
		{"SHUTDOWN_DELAY", choose(production, "5", "0"), seconds(&c.ShutdownDelay, 0, maxTime)},
		{"AUTO_MIGRATE", choose(production, "false", "true"), boolean(&c.AutoMigrate)},
		{"LOG_LEVEL", "info", level(&c.LogLevel)},

		{"REQUEST_TIMEOUT", "60", seconds(&api.RequestTimeout, 1, maxTime)},
		{"MAX_BODY_BYTES", "1048576", whole(&api.MaxBodyBytes, 1, maxInteger)},
		{"IDEMPOTENCY_TTL", "86400", seconds(&api.IdempotencyTTL, 1, maxTime)},
		{"API_KEYS", "", list(&api.APIKeys, keysAllowed, true, key)},
		{"CORS_ALLOWED_ORIGINS", "", list(&api.CORSAllowedOrigins, originsAllowed, false, origin)},
		{"TRUSTED_PROXIES", "", list(&api.TrustedProxies, proxiesAllowed, false, proxy)},

		{"DATABASE_URL", "", databaseURL(d)},
		{"DATABASE_READ_URL", "", databaseURL(&c.Replica)},
		{"DB_READ_MAX_LAG", "5", seconds(&d.ReadMaxLag, 1, maxTime)},
		{"DB_PGBOUNCER", "false", boolean(&d.PgBouncer)},
		{"DB_INSTANCES", "1", whole(&c.Instances, 1, maxInteger)},
		{"DB_POOL_SIZE", "5", whole(&d.PoolSize, 1, maxConnections)},
		{"DB_MAX_OVERFLOW", "10", whole(&d.MaxOverflow, 0, maxConnections)},
		{"DB_OVERFLOW_IDLE", "30", seconds(&d.OverflowIdle, 0, maxTime)},
		{"DB_POOL_TIMEOUT", "30", seconds(&d.PoolTimeout, 1, maxTime)},
		{"DB_POOL_MAX_WAITING", "0", whole(&d.MaxWaiting, 0, maxInteger)},
		{"DB_POOL_RESET", "full", word(&d.Reset, "full or rollback")},
		{"DB_POOL_RECYCLE", "3600", seconds(&d.Recycle, never, maxTime)},
		{"DB_POOL_PRE_PING", "true", boolean(&d.PrePing)},
		{"DB_CONNECT_TIMEOUT", "5", seconds(&d.ConnectTimeout, 1, maxTime)},
		{"DB_CONNECT_RETRIES", "5", whole(&c.ConnectRetries, 1, maxInteger)},
		{"DB_CONNECT_RETRY_DELAY", "2", seconds(&c.ConnectRetryDelay, 0, maxTime)},
		{"DB_STATEMENT_TIMEOUT", "30", seconds(&d.StatementTimeout, 0, maxServerTime)},
		{"DB_IDLE_IN_TRANSACTION_TIMEOUT", "60", seconds(&d.IdleInTransactionTimeout, 0, maxServerTime)},
		{"DB_MIGRATE_LOCK_TIMEOUT", "5", seconds(&d.MigrateLockTimeout, 1, maxServerTime)},
		{"DB_LEAK_THRESHOLD", choose(dev, "30", "0"), seconds(&d.LeakThreshold, 0, maxTime)},
		{"DB_SLOW_QUERY", "0.2", seconds(&d.SlowQuery, 0, maxTime)},
		{"DB_ECHO", "false", boolean(&d.Echo)},
	}
}

// Limits of what the values can hold.
const (
	maxInteger     = 1<<31 - 1                     // the pool and PostgreSQL count in 32 bits
	maxConnections = 10_000                        // more from one process is a slip; behind PgBouncer nothing else would tell
	maxTime        = 1_000_000_000 * time.Second   // some thirty years, so that sums of two never overflow
	maxServerTime  = maxInteger * time.Millisecond // PostgreSQL counts milliseconds in 32 bits
	never          = time.Duration(-1)
)

// What is allowed in the lists.
const (
	keysAllowed    = "comma-separated keys of visible ASCII characters"
	originsAllowed = "comma-separated origins such as https://app.example.com or http://localhost:3000, without path; or * alone"
	proxiesAllowed = "comma-separated IP addresses and networks, such as 10.0.0.0/8"
)

// choose is then if the condition holds, else otherwise.
func choose[T any](is bool, then, otherwise T) T {
	if is {
		return then
	}
	return otherwise
}
