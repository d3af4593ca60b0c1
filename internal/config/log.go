package config

import (
	"log/slog"
	"time"
)

// LogValue shows every setting under its variable's name, for the log at start. Times are text, since JSON would
// make them nanoseconds; of the database URL only user, hosts and database are shown.
func (c Config) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("ENVIRONMENT", string(c.Environment))}
	attrs = append(attrs, c.Database.attrs()...)
	return slog.GroupValue(append(attrs,
		slog.String("HOST", c.Host),
		slog.Int("PORT", c.Port),
		slog.String("ADMIN_ADDR", c.AdminAddr),
		span("REQUEST_TIMEOUT", c.RequestTimeout),
		span("KEEP_ALIVE_TIMEOUT", c.KeepAliveTimeout),
		span("SHUTDOWN_TIMEOUT", c.ShutdownTimeout),
		span("SHUTDOWN_DELAY", c.ShutdownDelay),
		slog.Int64("MAX_BODY_BYTES", c.MaxBodyBytes),
		span("IDEMPOTENCY_TTL", c.IdempotencyTTL),
		slog.Any("API_KEYS", c.APIKeys),
		slog.Any("CORS_ALLOWED_ORIGINS", c.CORSAllowedOrigins),
		slog.Any("TRUSTED_PROXIES", c.TrustedProxies),
		slog.Bool("AUTO_MIGRATE", c.AutoMigrate),
		slog.String("LOG_LEVEL", c.LogLevel.String()),
	)...)
}

// LogValue shows the database's settings under their variables' names.
func (d Database) LogValue() slog.Value { return slog.GroupValue(d.attrs()...) }

func (d Database) attrs() []slog.Attr {
	recycle := span("DB_POOL_RECYCLE", d.Recycle)
	if d.Recycle < 0 {
		recycle = slog.String("DB_POOL_RECYCLE", "never")
	}
	return []slog.Attr{
		slog.String("DATABASE_URL", d.Redacted()),
		slog.Int("DB_POOL_SIZE", d.PoolSize),
		slog.Int("DB_MAX_OVERFLOW", d.MaxOverflow),
		span("DB_POOL_TIMEOUT", d.PoolTimeout),
		recycle,
		slog.Bool("DB_POOL_PRE_PING", d.PrePing),
		span("DB_OVERFLOW_IDLE", d.OverflowIdle),
		slog.Int("DB_POOL_MAX_WAITING", d.MaxWaiting),
		slog.String("DB_POOL_RESET", d.PoolReset),
		span("DB_CONNECT_TIMEOUT", d.ConnectTimeout),
		slog.Int("DB_CONNECT_RETRIES", d.ConnectRetries),
		span("DB_CONNECT_RETRY_DELAY", d.ConnectRetryDelay),
		span("DB_STATEMENT_TIMEOUT", d.StatementTimeout),
		span("DB_IDLE_IN_TRANSACTION_TIMEOUT", d.IdleInTransactionTimeout),
		span("DB_MIGRATE_LOCK_TIMEOUT", d.MigrateLockTimeout),
		span("DB_LEAK_THRESHOLD", d.LeakThreshold),
		span("DB_SLOW_QUERY", d.SlowQuery),
		slog.Bool("DB_ECHO", d.Echo),
		slog.Bool("DB_PGBOUNCER", d.PgBouncer),
		slog.Int("DB_INSTANCES", d.Instances),
	}
}

func span(name string, d time.Duration) slog.Attr { return slog.String(name, d.String()) }
