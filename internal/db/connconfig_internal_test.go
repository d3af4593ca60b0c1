package db

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

func encode(s string) string { return strings.ReplaceAll(url.PathEscape(s), "=", "%3D") }

// TestConnConfig_Options reads "options" as the server's command line.
func TestConnConfig_Options(t *testing.T) {
	t.Parallel()
	for options, want := range map[string][]option{
		"":                                nil,
		"  ":                              nil,
		"-c statement_timeout=5s":         {{"statement_timeout", "-c statement_timeout=5s"}},
		"-cstatement_timeout=5s -e":       {{"statement_timeout", "-cstatement_timeout=5s"}, {"", "-e"}},
		"--statement-timeout=5s":          {{"statement_timeout", "--statement-timeout=5s"}},
		"-c Statement_Timeout=5s":         {{"statement_timeout", "-c Statement_Timeout=5s"}},
		`-c search_path=a,\ b -c geqo=on`: {{"search_path", `-c search_path=a,\ b`}, {"geqo", "-c geqo=on"}},
		`-c statement\_timeout=5\ s`:      {{"statement_timeout", `-c statement\_timeout=5\ s`}},
		`-c app.x=-c\ lock_timeout=1`:     {{"app.x", `-c app.x=-c\ lock_timeout=1`}},
		`-c app.x=\\ -c geqo=on`:          {{"app.x", `-c app.x=\\`}, {"geqo", "-c geqo=on"}},
		"-S 64 -c":                        {{"", "-S"}, {"", "64"}, {"", "-c"}},
		`-c a=b\`:                         {{"a", `-c a=b\`}},
	} {
		if diff := cmp.Diff(want, splitOptions(options), cmp.AllowUnexported(option{})); diff != "" {
			t.Errorf("%q (-want +got)\n%s", options, diff)
		}
	}
}

// TestConnConfig_WithoutTimeouts: a migration gets none of the URL's limits, in whatever form, and all the rest.
func TestConnConfig_WithoutTimeouts(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]map[string]string{
		"":                      {},
		"statement_timeout=5s":  {},
		"Lock_Timeout=1&geqo=1": {"geqo": "1"},
		"options=" + encode(`-c statement_timeout=5s -clock_timeout=1 -c app.x=a\ b --transaction-timeout=1 -e`): {"options": `-c app.x=a\ b -e`},
		"options=" + encode("--idle_session_timeout=5s -c idle_in_transaction_session_timeout=1"):                {},
	} {
		cfg, err := parseWithoutTimeouts("postgres://u@h/d?" + query)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, cfg.RuntimeParams); diff != "" {
			t.Errorf("%s (-want +got)\n%s", query, diff)
		}
	}
}

// TestConnConfig_Caches: the URL cannot give the pool a cache that the test of the connection does not need.
func TestConnConfig_Caches(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"statement_cache_capacity=0", "description_cache_capacity=0", "default_query_exec_mode=exec"} {
		d := &DB{opts: Options{URL: "postgres://u@h/d?" + query, PoolSize: 1, Recycle: time.Hour}}
		cfg, err := d.poolConfig()
		if err != nil {
			t.Fatal(err)
		}
		conn := cfg.ConnConfig
		if conn.StatementCacheCapacity != cacheCapacity || conn.DescriptionCacheCapacity != cacheCapacity || conn.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
			t.Errorf("%s: %d, %d, %v", query, conn.StatementCacheCapacity, conn.DescriptionCacheCapacity, conn.DefaultQueryExecMode)
		}
	}
}
