package config_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/transcription-api/internal/config"
)

const bareURL = "postgres://u:p@h/db"

// loadURL loads a URL with these variables beside it.
func loadURL(address string, vars ...string) (config.Config, error) {
	all := map[string]string{"DATABASE_URL": address}
	for _, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		all[name] = value
	}
	return load(all)
}

// sameURL ignores the order of parameters, and what is encoded in them.
func sameURL(got, want string) bool {
	gotBase, gotQuery, _ := strings.Cut(got, "?")
	wantBase, wantQuery, _ := strings.Cut(want, "?")
	plus := strings.NewReplacer("+", "%2B") // no web form
	g, _ := url.ParseQuery(plus.Replace(gotQuery))
	w, _ := url.ParseQuery(plus.Replace(wantQuery))
	return gotBase == wantBase && g.Encode() == w.Encode()
}

// Parameters with another name elsewhere do what they do there.
func TestURLUnderstood(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		query, want string
		bouncer     bool
		timeout     time.Duration
	}{
		{"schema=Sales", "?search_path=%22Sales%22", false, 0},
		{"schema=a%22b", "?search_path=%22a%22%22b%22", false, 0},
		{"currentSchema=a,b", "?search_path=a%2Cb", false, 0},
		{"search_path=a,b", "?search_path=a,b", false, 0},
		{"pgbouncer=true", "", true, 0},
		{"pgbouncer=false&sslmode=require", "?sslmode=require", false, 0},
		{"sslmode=require&pgbouncer=true&connect_timeout=3", "?sslmode=require&connect_timeout=3", true, 3 * time.Second},
		{"connect_timeout=10", "?connect_timeout=10", false, 10 * time.Second},
		{"ApplicationName=a%26b%3Dc%40d%25e+f", "?application_name=a%26b%3Dc%40d%25e+f", false, 0},
		{"fallback_application_name=f", "?application_name=f", false, 0},
		{"TimeZone=UTC&DateStyle=ISO", "?timezone=UTC&datestyle=ISO", false, 0},
		{"SSLMode=Require", "?sslmode=require", false, 0},
		{"client_encoding=UTF8", "?client_encoding=utf8", false, 0},
		{"app.tenant=7&MyApp.User=me", "?app.tenant=7&myapp.user=me", false, 0},
		{"dbname=other&user=me&password=x&host=h2&port=1", "?database=other&user=me&password=x&host=h2&port=1", false, 0},
		{"channel_binding=require&require_auth=!password,!md5", "?channel_binding=require&require_auth=!password,!md5", false, 0},
		{"options=-c%20lock_timeout%3D1s", "?options=-c%20lock_timeout%3D1s", false, 0},
		{"sslcertmode=disable&sslsni=0&passfile=/p&krbsrvname=x", "?sslcertmode=disable&sslsni=0&passfile=/p&krbsrvname=x", false, 0},
		{"min_protocol_version=3.0&max_protocol_version=latest", "?min_protocol_version=3.0&max_protocol_version=latest", false, 0},
	} {
		c, err := loadURL(bareURL + "?" + test.query)
		if test.timeout == 0 {
			test.timeout = 5 * time.Second
		}
		if err != nil || !sameURL(c.DB.URL, bareURL+test.want) || c.DB.PgBouncer != test.bouncer || c.DB.ConnectTimeout != test.timeout {
			t.Errorf("%s: %s, PgBouncer %v, connect time-out %v, %v", test.query, c.DB.URL, c.DB.PgBouncer, c.DB.ConnectTimeout, err)
		}
	}
	if c, err := loadURL(bareURL+"?connect_timeout=7", "DB_CONNECT_TIMEOUT=3"); err != nil || c.DB.ConnectTimeout != 7*time.Second {
		t.Errorf("connect_timeout does not win: %v, %v", c.DB.ConnectTimeout, err)
	}
	if c, err := loadURL(bareURL+"?pgbouncer=true", "DB_PGBOUNCER=false"); err != nil || !c.DB.PgBouncer {
		t.Errorf("pgbouncer=true does not win: %v", err)
	}
}

// Parameters of other programs are one mistake each, named, with what to write here.
func TestURLForeign(t *testing.T) {
	t.Parallel()
	for names, advice := range map[string]string{
		"connection_limit pool_max_conns pool_size max_overflow": "DB_POOL_SIZE and DB_MAX_OVERFLOW",
		"pool_timeout": "DB_POOL_TIMEOUT",
		"socket_timeout socketTimeout command_timeout": "DB_STATEMENT_TIMEOUT",
		"pool_max_conn_lifetime pool_recycle":          "DB_POOL_RECYCLE",
		"pool_min_conns":                               "DB_POOL_SIZE",
		"pool_max_conn_idle_time":                      "DB_OVERFLOW_IDLE",
		"loginTimeout connectTimeout":                  "DB_CONNECT_TIMEOUT",
		"statement_cache_capacity description_cache_capacity default_query_exec_mode prepareThreshold prepared_statement_cache_size statement_cache_size": "DB_PGBOUNCER=true",
		"keepalives keepalives_idle keepalives_interval keepalives_count tcpKeepAlive tcp_user_timeout":                                                   "nothing",
		"gssencmode gsslib sslcompression sslcrl sslcrldir ssl_min_protocol_version load_balance_hosts requirepeer async_fallback replication":            "nothing",
		"service servicefile": "DATABASE_URL",
		"hostaddr":            "host",
		"server_settings":     "search_path",
		"targetServerType":    "target_session_attrs",
	} {
		for name := range strings.FieldsSeq(names) {
			_, err := loadURL(bareURL + "?sslmode=disable&" + name + "=0")
			want := "DATABASE_URL: has " + strings.ToLower(name) + ", which is not understood here; allowed: "
			if err == nil || strings.Contains(err.Error(), "\n") || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), advice) {
				t.Errorf("%s: %v, want %s", name, err, advice)
			}
		}
	}
}

func TestURLUnknown(t *testing.T) {
	t.Parallel()
	const unknown = `DATABASE_URL: has the unknown parameter "%s"; allowed: parameters of a connection (sslmode, connect_timeout, …), ` +
		`run-time parameters of PostgreSQL (search_path, lock_timeout, …), names with a dot; others of the server's as options=-c%%20NAME%%3DVALUE`
	for query, want := range map[string]string{
		"foo=bar":                         fmt.Sprintf(unknown, "foo"),
		"sslmdoe=require":                 strings.Replace(fmt.Sprintf(unknown, "sslmdoe"), "allowed: ", "allowed: sslmode, if that is meant; ", 1),
		"a%0Ab=1":                         fmt.Sprintf(unknown, `a\nb`),
		"schema=a&search_path=b":          "DATABASE_URL: gives search_path twice; allowed: one value for each parameter",
		"sslmode=disable&sslmode=require": "DATABASE_URL: gives sslmode twice; allowed: one value for each parameter",
		"fallback_application_name=f&application_name=a": "DATABASE_URL: gives application_name twice; allowed: one value for each parameter",
		"pgbouncer=yes":          "DATABASE_URL: has a bad pgbouncer; allowed: true or false",
		"client_encoding=latin1": "DATABASE_URL: has a bad client_encoding; allowed: utf8, utf-8 or unicode",
		"connect_timeout=0":      "DATABASE_URL: has a bad connect_timeout; allowed: whole seconds, 1 or more; without it DB_CONNECT_TIMEOUT holds",
		"min_protocol_version=2": "DATABASE_URL: has a bad min_protocol_version; allowed: 3.0, 3.2 or latest",
		"sslcertmode=":           "DATABASE_URL: has a bad sslcertmode; allowed: disable, allow or require",
		// The rest of a password is not shown as a parameter's name.
		"password=hunter2&hunter3=4":    "DATABASE_URL: has an unknown parameter after password (not shown: it may be a part of it); allowed: ?name=value&name=value, with = and & in a value as %3D and %26",
		"sslpassword=hunter2&hunter3=4": "DATABASE_URL: has an unknown parameter after password (not shown: it may be a part of it); allowed: ?name=value&name=value, with = and & in a value as %3D and %26",
	} {
		if _, err := loadURL(bareURL + "?" + query); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", query, err, want)
		}
	}
}

// PostgreSQL's own variables fill in what the URL leaves open, and nothing else.
func TestPGVariables(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		url, variables, want, from string
	}{
		{"postgres:///", "PGHOST=h PGDATABASE=db PGUSER=u PGPORT=1", "postgres:///?host=h&port=1&database=db&user=u", "PGHOST PGPORT PGDATABASE PGUSER"},
		{"postgres://u@h/db", "PGPASSWORD=a&b=c@d%e+f", "postgres://u@h/db?password=a%26b%3Dc%40d%25e+f", "PGPASSWORD"},
		{"postgres://u:@h/db", "PGPASSWORD=p", "postgres://u:@h/db?password=p", "PGPASSWORD"},
		{"postgres://u:p@h1,h2/db", "PGHOST=x PGPORT=1 PGUSER=x PGPASSWORD=x PGDATABASE=x", "postgres://u:p@h1,h2/db", ""},
		{"postgres://u@h:1/db?password=p", "PGPORT=2 PGPASSWORD=x", "postgres://u@h:1/db?password=p", ""},
		{
			"postgres://u:p@h:1/db", "PGSSLMODE=require PGSSLPASSWORD=x PGAPPNAME=me PGTZ=UTC PGOPTIONS=-cgeqo=off PGPASSFILE=/p",
			"postgres://u:p@h:1/db?passfile=%2Fp&application_name=me&options=-cgeqo%3Doff&timezone=UTC&sslmode=require&sslpassword=x",
			"PGPASSFILE PGAPPNAME PGOPTIONS PGTZ PGSSLMODE PGSSLPASSWORD",
		},
		{
			"postgres://u:p@h:1/db?ApplicationName=a&TimeZone=x&options=-e&sslmode=disable", "PGAPPNAME=b PGTZ=UTC PGOPTIONS=-cgeqo=off PGSSLMODE=require",
			"postgres://u:p@h:1/db?application_name=a&timezone=x&options=-e&sslmode=disable", "",
		},
		{"postgres://u:p@h:1/db", "PGSERVICEFILE=/x PGGSSENCMODE=disable PGLOADBALANCEHOSTS=disable PGDATA=/x PGSSLMODE=", "postgres://u:p@h:1/db", ""},
	} {
		c, err := loadURL(test.url, strings.Fields(test.variables)...)
		if err != nil || !sameURL(c.DB.URL, test.want) {
			t.Errorf("%s with %s:\n got %s, %v\nwant %s", test.url, test.variables, c.DB.URL, err, test.want)
		}
		if diff := cmp.Diff(strings.Fields(test.from), append([]string{}, c.URLFrom...)); diff != "" {
			t.Errorf("%s with %s: taken (-want +got)\n%s", test.url, test.variables, diff)
		}
	}
	if c, err := loadURL(bareURL, "PGCONNECT_TIMEOUT=7"); err != nil || c.DB.ConnectTimeout != 7*time.Second {
		t.Errorf("PGCONNECT_TIMEOUT: %v, %v", c.DB.ConnectTimeout, err)
	}
}

// A variable that would have to be ignored, or a bad one, is refused by its name.
func TestPGVariablesRefused(t *testing.T) {
	t.Parallel()
	for variable, want := range map[string]string{
		"PGSERVICE=prod":          "PGSERVICE: stands for service, which is not understood here; allowed: what the service says, written into DATABASE_URL",
		"PGHOSTADDR=10.0.0.1":     "PGHOSTADDR: stands for hostaddr, which is not understood here; allowed: the address as host",
		"PGREQUIREPEER=postgres":  "PGREQUIREPEER: stands for requirepeer, which is not understood here; allowed: nothing: the owner of a socket is not checked",
		"PGGSSENCMODE=require":    "PGGSSENCMODE: stands for gssencmode, which is not understood here; allowed: nothing: connections are encrypted by TLS only, see sslmode",
		"PGSSLMODE=yes":           "PGSSLMODE: has a bad sslmode; allowed: disable, allow, prefer, require, verify-ca or verify-full",
		"PGCLIENTENCODING=latin1": "PGCLIENTENCODING: has a bad client_encoding; allowed: utf8, utf-8 or unicode",
		"PGCONNECT_TIMEOUT=x":     "PGCONNECT_TIMEOUT: has a bad connect_timeout; allowed: whole seconds, 1 or more; without it DB_CONNECT_TIMEOUT holds",
	} {
		if _, err := loadURL(bareURL, variable); err == nil || err.Error() != want {
			t.Errorf("%s:\n got %v\nwant %s", variable, err, want)
		}
	}
}
