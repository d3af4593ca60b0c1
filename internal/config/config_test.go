package config_test

import (
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web/app"
)

const goodURL = "postgres://app:hunter2@db.example.com:5432/app"

// load reads vars, with a good DATABASE_URL unless they have one.
func load(vars map[string]string) (config.Config, error) {
	return config.Load(func(name string) (string, bool) {
		if v, ok := vars[name]; ok {
			return v, true
		}
		return goodURL, name == "DATABASE_URL"
	})
}

func mustLoad(t *testing.T, vars map[string]string) config.Config {
	t.Helper()
	c, err := load(vars)
	if err != nil {
		t.Fatalf("Load(%v): %v", vars, err)
	}
	return c
}

// names are all of the service's own that Load asks for, sorted: PostgreSQL's PG* are not.
func names() []string {
	asked := map[string]bool{}
	config.Load(func(name string) (string, bool) {
		if !strings.HasPrefix(name, "PG") {
			asked[name] = true
		}
		return "", false
	})
	return slices.Sorted(maps.Keys(asked))
}

func defaults() config.Config {
	return config.Config{
		Environment: config.Dev,
		DB: db.Options{
			URL:                      goodURL,
			PoolSize:                 5,
			MaxOverflow:              10,
			PoolTimeout:              30 * time.Second,
			Recycle:                  time.Hour,
			PrePing:                  true,
			OverflowIdle:             30 * time.Second,
			Reset:                    db.ResetFull,
			ConnectTimeout:           5 * time.Second,
			ReadMaxLag:               5 * time.Second,
			StatementTimeout:         30 * time.Second,
			IdleInTransactionTimeout: time.Minute,
			MigrateLockTimeout:       5 * time.Second,
			LeakThreshold:            30 * time.Second,
			SlowQuery:                200 * time.Millisecond,
			Dev:                      true,
		},
		API:               app.Settings{RequestTimeout: time.Minute, MaxBodyBytes: 1 << 20, IdempotencyTTL: 24 * time.Hour},
		ConnectRetries:    5,
		ConnectRetryDelay: 2 * time.Second,
		Instances:         1,
		Host:              "127.0.0.1",
		Port:              8080,
		KeepAliveTimeout:  2 * time.Minute,
		ShutdownTimeout:   30 * time.Second,
		AutoMigrate:       true,
		LogLevel:          slog.LevelInfo,
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	test := defaults()
	test.Environment = config.Test
	test.DB.LeakThreshold, test.DB.Dev = 0, false

	production := test
	production.Environment = config.Production
	production.Host = ""
	production.ShutdownDelay = 5 * time.Second
	production.AutoMigrate = false

	for _, want := range []config.Config{defaults(), test, production} {
		t.Run(string(want.Environment), func(t *testing.T) {
			t.Parallel()
			got := mustLoad(t, map[string]string{"ENVIRONMENT": string(want.Environment)})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAddr(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ env, host, port, want string }{
		{"dev", "", "", "127.0.0.1:8080"},
		{"dev", "::1", "0", "[::1]:0"},
		{"production", "", "", ":8080"},
		{"production", "127.0.0.1", "9000", "127.0.0.1:9000"},
	} {
		c := mustLoad(t, map[string]string{"ENVIRONMENT": test.env, "HOST": test.host, "PORT": test.port})
		if got := c.Addr(); got != test.want {
			t.Errorf("%+v: Addr() = %q", test, got)
		}
	}
}

// An empty value, or one of white space, gives the default; white space around a value is dropped. API_KEYS of white
// space is a mistake, for its default is open.
func TestWhiteSpace(t *testing.T) {
	t.Parallel()
	empty, padded := map[string]string{}, map[string]string{}
	for _, name := range names() {
		if name != "DATABASE_URL" && name != "API_KEYS" {
			empty[name] = " \t"
		}
	}
	padded["DATABASE_URL"] = " " + goodURL + "\n"
	padded["PORT"] = " 8080 "
	for _, vars := range []map[string]string{empty, padded} {
		if diff := cmp.Diff(defaults(), mustLoad(t, vars)); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// Every variable that can be wrong is reported in one go, one to a line, and nothing else is.
func TestEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	vars := map[string]string{}
	for _, name := range names() {
		vars[name] = "a wrong\nvalue"
	}
	c, err := load(vars)
	if err == nil {
		t.Fatal("no error")
	}
	var reported []string
	for line := range strings.Lines(err.Error()) {
		name, _, _ := strings.Cut(line, ":")
		reported = append(reported, name)
	}
	slices.Sort(reported)
	if diff := cmp.Diff(names(), reported); diff != "" {
		t.Errorf("reported (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(config.Config{}, c); diff != "" {
		t.Errorf("beside the error (-want +got)\n%s", diff)
	}
}

func TestMistakesTogether(t *testing.T) {
	t.Parallel()
	_, err := load(map[string]string{
		"ENVIRONMENT":  "production",
		"DATABASE_URL": "",
		"DB_ECHO":      "true",
		"PORT":         "http",
	})
	want := strings.Join([]string{
		`PORT: "http" is not a whole number; allowed: a whole number from 0 to 65535`,
		`DATABASE_URL: is not set; allowed: postgres://USER:PASSWORD@HOST:5432/DATABASE; "make run" brings a database of its own`,
		`DB_ECHO: true is refused in production; allowed: false`,
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}
