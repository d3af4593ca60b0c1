package config_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/config"
)

// The end of a message: what each kind of setting allows.
const (
	boolean  = "; allowed: true or false (also 1/0, yes/no, on/off)"
	seconds  = "; allowed: 0 to 1000000000 seconds, written 30, 0.5 or 30s"
	positive = "; allowed: more than 0, at most 1000000000 seconds, written 30, 0.5 or 30s"
	server   = "; allowed: 0 (off) to 2147483.647 seconds, written 30, 0.5 or 30s"
	recycle  = "; allowed: -1 (never) or more than 0, at most 1000000000 seconds, written 30, 0.5 or 30s"
	fromZero = "; allowed: a whole number from 0 to 2147483647"
	fromOne  = "; allowed: a whole number from 1 to 2147483647"
	pool     = "; allowed: a whole number from 1 to 10000"
	overflow = "; allowed: a whole number from 0 to 10000"
	level    = "; allowed: debug, info, warn or error"
	host     = "; allowed: an IP address or a host name; 0.0.0.0 or :: for all interfaces"
	addr     = "; allowed: host:port, such as 127.0.0.1:9090; port 0 to 65535"
	keys     = "; allowed: comma-separated keys of visible ASCII characters"
	origins  = "; allowed: comma-separated origins such as https://app.example.com or http://localhost:3000, without path; or * alone"
	proxies  = "; allowed: comma-separated IP addresses and networks, such as 10.0.0.0/8"
)

func TestValues(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 61)
	for _, test := range []struct {
		name, value string
		want        func(*config.Config) // the change to the defaults, for a good value
		mistake     string               // else the message, without the name
	}{
		{"ENVIRONMENT", "DEV", func(*config.Config) {}, ""},
		{"ENVIRONMENT", "prod", nil, `"prod" is unknown; allowed: dev, test or production`},
		{"ENVIRONMENT", long, nil, `"` + long[2:] + `…" is unknown; allowed: dev, test or production`},

		{"DB_POOL_SIZE", "1", func(c *config.Config) { c.DB.PoolSize = 1 }, ""},
		{"DB_POOL_SIZE", "0", nil, `"0" is out of range` + pool},
		{"DB_POOL_SIZE", "10000", func(c *config.Config) { c.DB.PoolSize = 10000 }, ""},
		{"DB_POOL_SIZE", "10001", nil, `"10001" is out of range` + pool},
		{"DB_POOL_SIZE", "99999999999999999999", nil, `"99999999999999999999" is out of range` + pool},
		{"DB_POOL_SIZE", "5.5", nil, `"5.5" is not a whole number` + pool},
		{"DB_MAX_OVERFLOW", "0", func(c *config.Config) { c.DB.MaxOverflow = 0 }, ""},
		{"DB_MAX_OVERFLOW", "-1", nil, `"-1" is out of range` + overflow},
		{"DB_MAX_OVERFLOW", "10001", nil, `"10001" is out of range` + overflow},
		{"DB_POOL_MAX_WAITING", "100", func(c *config.Config) { c.DB.MaxWaiting = 100 }, ""},
		{"DB_POOL_MAX_WAITING", "-1", nil, `"-1" is out of range` + fromZero},
		{"DB_POOL_RESET", "Rollback", func(c *config.Config) { c.DB.Reset = "rollback" }, ""},
		{"DB_POOL_RESET", "none", nil, `"none" is unknown; allowed: full or rollback`},
		{"DB_CONNECT_RETRIES", "1", func(c *config.Config) { c.ConnectRetries = 1 }, ""},
		{"DB_CONNECT_RETRIES", "0", nil, `"0" is out of range` + fromOne},
		{"DB_INSTANCES", "4", func(c *config.Config) { c.Instances = 4 }, ""},
		{"DB_INSTANCES", "0", nil, `"0" is out of range` + fromOne},

		{"DB_POOL_TIMEOUT", "0.5", func(c *config.Config) { c.DB.PoolTimeout = 500 * time.Millisecond }, ""},
		{"DB_POOL_TIMEOUT", "1m30s", func(c *config.Config) { c.DB.PoolTimeout = 90 * time.Second }, ""},
		{"DB_POOL_TIMEOUT", "1h30", nil, `"1h30" is not a number of seconds` + positive},
		{"DB_POOL_TIMEOUT", "0", nil, `"0" is out of range` + positive},
		{"DB_POOL_TIMEOUT", "0s", nil, `"0s" is out of range` + positive},
		{"DB_POOL_TIMEOUT", "-1", nil, `"-1" is out of range` + positive},
		{"DB_POOL_TIMEOUT", "1e300", nil, `"1e300" is not a number of seconds` + positive},
		{"DB_POOL_TIMEOUT", "1e400", nil, `"1e400" is not a number of seconds` + positive},
		{"DB_POOL_TIMEOUT", "-1e300", nil, `"-1e300" is not a number of seconds` + positive},
		{"DB_POOL_TIMEOUT", "1000000001s", nil, `"1000000001s" is out of range` + positive},
		{"DB_POOL_TIMEOUT", "NaN", nil, `"NaN" is not a number of seconds` + positive},
		{"DB_POOL_TIMEOUT", "Inf", nil, `"Inf" is not a number of seconds` + positive},
		{"DB_POOL_TIMEOUT", "-inf", nil, `"-inf" is not a number of seconds` + positive},
		{"DB_POOL_TIMEOUT", "30 s", nil, `"30 s" is not a number of seconds` + positive},
		{"DB_POOL_TIMEOUT", "9999999999999h", nil, `"9999999999999h" is not a number of seconds` + positive},
		{"DB_POOL_RECYCLE", "-1", func(c *config.Config) { c.DB.Recycle = -1 }, ""},
		{"DB_POOL_RECYCLE", "30m", func(c *config.Config) { c.DB.Recycle = 30 * time.Minute }, ""},
		{"DB_POOL_RECYCLE", "0", nil, `"0" is out of range` + recycle},
		{"DB_POOL_RECYCLE", "-1s", nil, `"-1s" is out of range` + recycle},
		{"DB_POOL_RECYCLE", "-2", nil, `"-2" is out of range` + recycle},
		{"DB_OVERFLOW_IDLE", "0", func(c *config.Config) { c.DB.OverflowIdle = 0 }, ""},
		{"DB_OVERFLOW_IDLE", "-1", nil, `"-1" is out of range` + seconds},
		{"DB_CONNECT_TIMEOUT", "1", func(c *config.Config) { c.DB.ConnectTimeout = time.Second }, ""},
		{"DB_CONNECT_TIMEOUT", "0", nil, `"0" is out of range` + positive},
		{"DB_CONNECT_RETRY_DELAY", "0", func(c *config.Config) { c.ConnectRetryDelay = 0 }, ""},
		{"DB_CONNECT_RETRY_DELAY", "-0.1", nil, `"-0.1" is out of range` + seconds},
		{"DB_STATEMENT_TIMEOUT", "0", func(c *config.Config) { c.DB.StatementTimeout = 0 }, ""},
		{"DB_STATEMENT_TIMEOUT", "1us", func(c *config.Config) { c.DB.StatementTimeout = time.Millisecond }, ""},
		{"DB_STATEMENT_TIMEOUT", "0.0015", func(c *config.Config) { c.DB.StatementTimeout = 2 * time.Millisecond }, ""},
		{"DB_STATEMENT_TIMEOUT", "2147483.647", func(c *config.Config) { c.DB.StatementTimeout = 2147483647 * time.Millisecond }, ""},
		{"DB_STATEMENT_TIMEOUT", "2147483.648", nil, `"2147483.648" is out of range` + server},
		{"DB_IDLE_IN_TRANSACTION_TIMEOUT", "0", func(c *config.Config) { c.DB.IdleInTransactionTimeout = 0 }, ""},
		{"DB_IDLE_IN_TRANSACTION_TIMEOUT", "-1", nil, `"-1" is out of range` + server},
		{"DB_MIGRATE_LOCK_TIMEOUT", "0.2", func(c *config.Config) { c.DB.MigrateLockTimeout = 200 * time.Millisecond }, ""},
		{"DB_MIGRATE_LOCK_TIMEOUT", "1us", func(c *config.Config) { c.DB.MigrateLockTimeout = time.Millisecond }, ""},
		{"DB_MIGRATE_LOCK_TIMEOUT", "0", nil, `"0" is out of range; allowed: more than 0, at most 2147483.647 seconds, written 30, 0.5 or 30s`},
		{"DB_LEAK_THRESHOLD", "0", func(c *config.Config) { c.DB.LeakThreshold = 0 }, ""},
		{"DB_LEAK_THRESHOLD", "-1", nil, `"-1" is out of range` + seconds},
		{"DB_SLOW_QUERY", "500us", func(c *config.Config) { c.DB.SlowQuery = 500 * time.Microsecond }, ""},
		{"DB_SLOW_QUERY", "slow", nil, `"slow" is not a number of seconds` + seconds},

		{"DB_POOL_PRE_PING", "No", func(c *config.Config) { c.DB.PrePing = false }, ""},
		{"DB_POOL_PRE_PING", "2", nil, `"2" is neither true nor false` + boolean},
		{"DB_ECHO", "ON", func(c *config.Config) { c.DB.Echo = true }, ""},
		{"DB_ECHO", "debug", nil, `"debug" is neither true nor false` + boolean},
		{"DB_PGBOUNCER", "1", func(c *config.Config) { c.DB.PgBouncer = true }, ""},
		{"DB_PGBOUNCER", "y", nil, `"y" is neither true nor false` + boolean},
		{"AUTO_MIGRATE", "off", func(c *config.Config) { c.AutoMigrate = false }, ""},
		{"AUTO_MIGRATE", "never", nil, `"never" is neither true nor false` + boolean},

		{"HOST", "0.0.0.0", func(c *config.Config) { c.Host = "0.0.0.0" }, ""},
		{"HOST", "::", func(c *config.Config) { c.Host = "::" }, ""},
		{"HOST", "api_1.internal", func(c *config.Config) { c.Host = "api_1.internal" }, ""},
		{"HOST", "127.0.0.1:8080", nil, `"127.0.0.1:8080" is neither` + host},
		{"HOST", "[::1]", nil, `"[::1]" is neither` + host},
		{"HOST", goodURL, nil, `the value (hidden, for it has an @) is neither` + host},
		{"PORT", "0", func(c *config.Config) { c.Port = 0 }, ""},
		{"PORT", "65536", nil, `"65536" is out of range; allowed: a whole number from 0 to 65535`},
		{"ADMIN_ADDR", ":9090", func(c *config.Config) { c.AdminAddr = ":9090" }, ""},
		{"ADMIN_ADDR", "[::1]:0", func(c *config.Config) { c.AdminAddr = "[::1]:0" }, ""},
		{"ADMIN_ADDR", "9090", nil, `"9090" is not host:port` + addr},
		{"ADMIN_ADDR", "a b:9090", nil, `"a b:9090" is not host:port` + addr},
		{"ADMIN_ADDR", "localhost:http", nil, `"localhost:http" has a bad port` + addr},
		{"REQUEST_TIMEOUT", "90s", func(c *config.Config) { c.API.RequestTimeout = 90 * time.Second }, ""},
		{"REQUEST_TIMEOUT", "0", nil, `"0" is out of range` + positive},
		{"KEEP_ALIVE_TIMEOUT", "75", func(c *config.Config) { c.KeepAliveTimeout = 75 * time.Second }, ""},
		{"KEEP_ALIVE_TIMEOUT", "0", nil, `"0" is out of range` + positive},
		{"SHUTDOWN_TIMEOUT", "0", func(c *config.Config) { c.ShutdownTimeout = 0 }, ""},
		{"SHUTDOWN_TIMEOUT", "-1", nil, `"-1" is out of range` + seconds},
		{"SHUTDOWN_DELAY", "2.5", func(c *config.Config) { c.ShutdownDelay = 2500 * time.Millisecond }, ""},
		{"SHUTDOWN_DELAY", "-1", nil, `"-1" is out of range` + seconds},
		{"MAX_BODY_BYTES", "1", func(c *config.Config) { c.API.MaxBodyBytes = 1 }, ""},
		{"MAX_BODY_BYTES", "1MB", nil, `"1MB" is not a whole number` + fromOne},
		{"IDEMPOTENCY_TTL", "3600", func(c *config.Config) { c.API.IdempotencyTTL = time.Hour }, ""},
		{"IDEMPOTENCY_TTL", "0", nil, `"0" is out of range` + positive},
		{"LOG_LEVEL", "Debug", func(c *config.Config) { c.LogLevel = slog.LevelDebug }, ""},
		{"LOG_LEVEL", "warn", func(c *config.Config) { c.LogLevel = slog.LevelWarn }, ""},
		{"LOG_LEVEL", "error", func(c *config.Config) { c.LogLevel = slog.LevelError }, ""},
		{"LOG_LEVEL", "loud", nil, `"loud" is unknown` + level},

		{"API_KEYS", " one, ,two,", func(c *config.Config) { c.API.APIKeys = []string{"one", "two"} }, ""},
		{"API_KEYS", "one,tw o", nil, "entry 2 has a space, a control or a non-ASCII character" + keys},
		{"API_KEYS", "schlüssel", nil, "entry 1 has a space, a control or a non-ASCII character" + keys},
		{"API_KEYS", " , ", nil, "holds no key" + keys},
		{"API_KEYS", " \t", nil, "holds no key" + keys},
		{"API_KEYS", "one,${TOKEN}", nil, "entry 2 is a reference to a variable that nothing has expanded" + keys},
		{"API_KEYS", "$(TOKEN)", nil, "entry 1 is a reference to a variable that nothing has expanded" + keys},
		{"API_KEYS", "a$b,$c", func(c *config.Config) { c.API.APIKeys = []string{"a$b", "$c"} }, ""},
		{"CORS_ALLOWED_ORIGINS", "*", func(c *config.Config) { c.API.CORSAllowedOrigins = []string{"*"} }, ""},
		{"CORS_ALLOWED_ORIGINS", "https://App.example.com:443, http://[::1]:3000,", func(c *config.Config) {
			c.API.CORSAllowedOrigins = []string{"https://app.example.com", "http://[::1]:3000"}
		}, ""},
		{"CORS_ALLOWED_ORIGINS", "https://a.example,*", nil, "* stands beside other entries" + origins},
		{"CORS_ALLOWED_ORIGINS", "app.example.com", nil, `"app.example.com" is not an http or https origin` + origins},
		{"CORS_ALLOWED_ORIGINS", "null", nil, `"null" is not an http or https origin` + origins},
		{"CORS_ALLOWED_ORIGINS", "https://*.example.com", nil, `"https://*.example.com" is not an http or https origin` + origins},
		{"CORS_ALLOWED_ORIGINS", "https://a.example/", nil, `"https://a.example/" has more than scheme, host and port` + origins},
		{"CORS_ALLOWED_ORIGINS", "https://a.example?", nil, `"https://a.example?" has more than scheme, host and port` + origins},
		{"CORS_ALLOWED_ORIGINS", "https://u:hunter2@a.example", nil, "the value (hidden, for it has an @) has more than scheme, host and port" + origins},
		{"CORS_ALLOWED_ORIGINS", "http://a.example:", nil, `"http://a.example:" has a bad port` + origins},
		{"CORS_ALLOWED_ORIGINS", "http://a.example:0", nil, `"http://a.example:0" has a bad port` + origins},
		{"TRUSTED_PROXIES", "10.0.0.0/8, ::1", func(c *config.Config) { c.API.TrustedProxies = []string{"10.0.0.0/8", "::1"} }, ""},
		{"TRUSTED_PROXIES", "10.0.0.0/33", nil, `"10.0.0.0/33" is neither an IP address nor a network` + proxies},
		{"TRUSTED_PROXIES", "*", nil, `"*" is neither an IP address nor a network` + proxies},
		{"TRUSTED_PROXIES", "fe80::1%eth0", nil, `"fe80::1%eth0" is neither an IP address nor a network` + proxies},
	} {
		t.Run(test.name+"="+test.value, func(t *testing.T) {
			t.Parallel()
			got, err := load(map[string]string{test.name: test.value})
			if test.want == nil {
				if want := test.name + ": " + test.mistake; err == nil || err.Error() != want {
					t.Errorf("\n got %v\nwant %s", err, want)
				}
				return
			}
			want := defaults()
			test.want(&want)
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("%v; (-want +got)\n%s", err, diff)
			}
		})
	}
}
