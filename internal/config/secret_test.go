package config_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// printed is v in all the ways in which it might end up in a log.
func printed(v any) string {
	var b bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%20s"} {
		fmt.Fprintf(&b, verb+"\n", v)
	}
	fmt.Fprintln(&b, v, fmt.Errorf("%w: %v", fmt.Errorf("error"), v))
	text, _ := json.Marshal(v)
	b.Write(text)
	text, _ = xml.Marshal(v)
	b.Write(text)
	slog.New(slog.NewTextHandler(&b, nil)).Info("text", "v", v)
	slog.New(slog.NewJSONHandler(&b, nil)).Info("json", "v", v)
	return b.String()
}

// assertHidden looks for "hunter2", plain and in hexadecimal.
func assertHidden(t *testing.T, values ...any) {
	t.Helper()
	for _, v := range values {
		out := printed(v)
		for _, form := range []string{"hunter2", "68756e74657232", "68756E74657232"} {
			if strings.Contains(out, form) {
				t.Errorf("%T shows the secret: %s", v, out)
			}
		}
	}
}

func TestConfigHidesSecrets(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, map[string]string{
		"DATABASE_URL": "postgres://u:hunter2@h/db?password=hunter2&sslpassword=hunter2",
		"API_KEYS":     "hunter2,x-hunter2",
	})
	assertHidden(t, c, &c, []any{c}, c.DB, &c.DB, c.API, &c.API, c.LogValue())
}

func logged(t *testing.T, v any) map[string]any {
	t.Helper()
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("settings", "v", v)
	var line struct{ V map[string]any }
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	return line.V
}

func TestLogValue(t *testing.T) {
	t.Parallel()
	got := logged(t, mustLoad(t, map[string]string{
		"DB_POOL_RECYCLE": "-1",
		"API_KEYS":        "one,two",
		"TRUSTED_PROXIES": "10.0.0.0/8",
	}))
	want := map[string]any{
		"ENVIRONMENT":                    "dev",
		"DATABASE_URL":                   "postgres://app@db.example.com:5432/app",
		"DATABASE_READ_URL":              "",
		"DB_READ_MAX_LAG":                "5s",
		"DB_POOL_SIZE":                   5.0,
		"DB_MAX_OVERFLOW":                10.0,
		"DB_POOL_TIMEOUT":                "30s",
		"DB_POOL_RECYCLE":                "never",
		"DB_POOL_PRE_PING":               true,
		"DB_OVERFLOW_IDLE":               "30s",
		"DB_POOL_MAX_WAITING":            0.0,
		"DB_POOL_RESET":                  "full",
		"DB_CONNECT_TIMEOUT":             "5s",
		"DB_CONNECT_RETRIES":             5.0,
		"DB_CONNECT_RETRY_DELAY":         "2s",
		"DB_STATEMENT_TIMEOUT":           "30s",
		"DB_IDLE_IN_TRANSACTION_TIMEOUT": "1m0s",
		"DB_MIGRATE_LOCK_TIMEOUT":        "5s",
		"DB_LEAK_THRESHOLD":              "30s",
		"DB_SLOW_QUERY":                  "200ms",
		"DB_ECHO":                        false,
		"DB_PGBOUNCER":                   false,
		"DB_INSTANCES":                   1.0,
		"HOST":                           "127.0.0.1",
		"PORT":                           8080.0,
		"ADMIN_ADDR":                     "",
		"REQUEST_TIMEOUT":                "1m0s",
		"KEEP_ALIVE_TIMEOUT":             "2m0s",
		"SHUTDOWN_TIMEOUT":               "30s",
		"SHUTDOWN_DELAY":                 "0s",
		"MAX_BODY_BYTES":                 1048576.0,
		"IDEMPOTENCY_TTL":                "24h0m0s",
		"API_KEYS":                       []any{"[secret]", "[secret]"},
		"CORS_ALLOWED_ORIGINS":           nil,
		"TRUSTED_PROXIES":                []any{"10.0.0.0/8"},
		"AUTO_MIGRATE":                   true,
		"LOG_LEVEL":                      "INFO",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(names(), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("what Load reads and what is logged differ (-read +logged)\n%s", diff)
	}
}
