package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What is shown of a URL, and what pgx gets of it, if that is another one.
func TestURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ url, taken, shown string }{
		{"postgres://u:hunter2@h/db", "", "postgres://u@h:5432/db"},
		{"postgresql://u:hunter2@h:5433/db", "postgres://u:hunter2@h:5433/db", "postgres://u@h:5433/db"},
		{"postgresql+psycopg2://u:hunter2@h/db", "postgres://u:hunter2@h/db", "postgres://u@h:5432/db"},
		{"Postgres+AsyncPG://u:hunter2@h/db", "postgres://u:hunter2@h/db", "postgres://u@h:5432/db"},
		{"postgres://u@h/db", "", "postgres://u@h:5432/db"},
		{"postgres://u:hun:ter2@h/db", "", "postgres://u@h:5432/db"},
		{"postgres://u:pässword[1],x@h/db", "", "postgres://u@h:5432/db"},
		{"postgres://u%40corp:hun%40ter%2F2@h/my%2Fdb", "", "postgres://u%40corp@h:5432/my%2Fdb"},
		{"postgres://u:hunter2@h1,h2:5433/db?target_session_attrs=read-write", "", "postgres://u@h1:5432,h2:5433/db"},
		{"postgres://u:hunter2@h1,h2/db?port=5433", "", "postgres://u@h1:5433,h2:5433/db"},
		{"postgres://u:hunter2@[::1]:5432,[fe80::1%25eth0]/db", "", "postgres://u@[::1]:5432,[fe80::1%eth0]:5432/db"},
		{"postgres://u:hunter2@10.0.0.1/db?application_name=a+b", "postgres://u:hunter2@10.0.0.1/db?application_name=a%2Bb", "postgres://u@10.0.0.1:5432/db"},
		{"postgres:///db?host=/var/run/postgresql&user=u&password=hunter2", "postgres:///db?host=%2Fvar%2Frun%2Fpostgresql&password=hunter2&user=u", "postgres://u@/var/run/postgresql:5432/db"},
		{"postgres://u:hunter2@:5433/db?host=/tmp", "postgres://u:hunter2@:5433/db?host=%2Ftmp", "postgres://u@/tmp:5433/db"},
		{"postgres://u:hunter2@%2Ftmp/db", "", "postgres://u@/tmp:5432/db"},
		{"postgres://u:hunter2@h?dbname=db&ssl=true", "postgres://u:hunter2@h?database=db&ssl=true", "postgres://u@h:5432/db"},
	} {
		c := mustLoad(t, map[string]string{"DATABASE_URL": test.url})
		if test.taken == "" {
			test.taken = test.url
		}
		if c.DB.URL != test.taken || c.DB.String() != test.shown {
			t.Errorf("%s:\n got %s, shown as %s\nwant %s, shown as %s", test.url, c.DB.URL, c.DB, test.taken, test.shown)
		}
	}
}

func TestURLMistakes(t *testing.T) {
	t.Parallel()
	const (
		form    = "; allowed: postgres://USER:PASSWORD@HOST:5432/DATABASE"
		scheme  = "does not begin with postgres:// or postgresql://" + form
		special = "has a special character in a place where it can be misread; allowed: special characters of the password " +
			"percent-encoded: @ as %40, / as %2F, ? as %3F, # as %23, % as %25, a space as %20"
		hosts    = "host names, IP addresses (IPv6 in brackets), each with a port from 1 to 65535 or without; or ?host=/path for a Unix socket"
		noHost   = "names no host; allowed: " + hosts
		badHost  = "has a bad host or port; allowed: " + hosts
		ports    = "cannot be used: it has a bad port, or more ports than hosts; allowed: what docs/database.md lists"
		noUser   = "names no user before the @" + form
		noDB     = "names no database" + form
		badQuery = "has a bad query; allowed: ?name=value&name=value, with = and & in a value as %3D and %26"
		sslmode  = "has a bad sslmode; allowed: disable, allow, prefer, require, verify-ca or verify-full"
		attrs    = "has a bad target_session_attrs; allowed: any, read-write, read-only, primary, standby or prefer-standby"
	)
	for _, test := range []struct {
		url  string
		want []string
	}{
		{"mysql://u:p@h/db", []string{scheme}},
		{"u:p@h/db", []string{scheme}},
		{`"postgres://u:p@h/db"`, []string{scheme}},
		{"postgres:u:p@h/db", []string{scheme}},
		{"host=h user=u password=p dbname=db", []string{scheme}},
		{"postgres://", []string{noHost, noDB}},
		{"postgres:///db", []string{noHost}},
		{"postgres://:5432/db", []string{noHost}},
		{"postgres://u:p@/db", []string{noHost}},
		{"postgres://u:p@h", []string{noDB}},
		{"postgres://u:p@h/", []string{noDB}},
		{"postgres://:p@h/db", []string{noUser}},
		{"postgres://@h/db", []string{noUser}},
		{"postgres://u:a@b@h/db", []string{special}},
		{"postgres://u:a/b@h/db", []string{special}},
		{"postgres://u:a?b@h/db", []string{special}},
		{"postgres://u:a#b@h/db", []string{special}},
		{"postgres://u:a b@h/db", []string{special}},
		{"postgres://u:a\tb@h/db", []string{special}},
		{"postgres://u:100%@h/db", []string{special}},
		{"postgres://u:a%zzb@h/db", []string{special}},
		{"postgres://u:a%00b@h/db", []string{special}},
		{"postgres://u:p@h/db?application_name=a@b", []string{special}},
		{"postgres://u:p@h/db#top", []string{special}},
		{"postgres://u:p@h:0/db", []string{ports}},
		{"postgres://u:p@h:/db", []string{badHost}},
		{"postgres://u:p@h:65536,h:x/db", []string{badHost}},
		{"postgres://u:p@h1,,h2/db", []string{badHost}},
		{"postgres://u:p@-h/db", []string{badHost}},
		{"postgres://u:p@::1/db", []string{badHost}},
		{"postgres://u:p@[::1/db", []string{badHost}},
		{"postgres://u:p@[::1]h/db", []string{badHost}},
		{"postgres://u:p@[::1%25]]/db", []string{badHost}},
		{"postgres://u:p@h1,h2,h3/db?port=1,2", []string{ports}},
		{"postgres://u:p@h/db?", []string{badQuery}},
		{"postgres://u:p@h/db?sslmode", []string{badQuery}},
		{"postgres://u:p@h/db?a=b=c&=d", []string{badQuery}},
		{"postgres://u:p@h/db?sslmode=required", []string{sslmode}},
		{"postgres://u:p@h/db?sslmode=", []string{sslmode}},
		{"postgres://u:p@h/db?ssl=require", []string{"has a bad ssl; allowed: true"}},
		{"postgres://u:p@h/db?sslnegotiation=tls", []string{"has a bad sslnegotiation; allowed: postgres or direct"}},
		{"postgres://u:p@h/db?channel_binding=yes", []string{"has a bad channel_binding; allowed: disable, prefer or require"}},
		{"postgres://u:p@h/db?connect_timeout=5s", []string{"has a bad connect_timeout; allowed: whole seconds, 1 or more; without it DB_CONNECT_TIMEOUT holds"}},
		{"postgres://u:p@h/db?sslrootcert=/none", []string{"cannot be used: unable to read CA file: open /none: no such file or directory; allowed: what docs/database.md lists"}},
		{"postgres://u:p@h/db?require_auth=!md5,password", []string{`cannot be used: require_auth method "password" cannot be mixed with negative methods; allowed: what docs/database.md lists`}},
		{"postgres://u:p@-h:0?sslmode=on&target_session_attrs=rw", []string{badHost, sslmode, attrs, noDB}},
	} {
		t.Run(test.url, func(t *testing.T) {
			t.Parallel()
			_, err := load(map[string]string{"DATABASE_URL": test.url})
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.Split(strings.ReplaceAll(err.Error(), "DATABASE_URL: ", ""), "\n")
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// Whatever a password is made of, and wherever in the URL it lands, it does not come out, nor its longer parts.
func TestURLNeverShowsThePassword(t *testing.T) {
	t.Parallel()
	shapes := []string{
		"postgres://u:PW@h:5432/db", "postgresql+psycopg2://u:PW@h/db?sslmode=require", "postgres://u:PW@[::1]:1/db",
		"postgres://u:PW@h1,h2:5433/db", "postgres://u:PW", "postgres://u:PW/db", "postgres://:PW@h/db", "PW@h/db",
		"u:PW@h/db", "mysql://u:PW@h/db", "PW://u@h/db", "postgres:u:PW@h/db", "postgres//u:PW@h/db", "h:5432:u:PW",
		"postgres://u:PW@h:99999/db", "postgres://u:PW@h h/db", "postgres://u:PW@", "postgres://u:PW@h",
		"postgres://u@h/db?password=PW", "postgres:///db?password=PW&host=/tmp", "postgres://u@h/db?password=PW&sslmode=PW",
		"postgres://u@h/db?sslmode=PW", "postgres://u@h:PW/db", "host=h password=PW", "'postgres://u:PW@h/db'",
	}
	passwords := []string{"hunter2"}
	for _, c := range "\x00\t\n !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\x7fé" {
		passwords = append(passwords, "hunter2"+string(c)+"hunter2", string(c)+"hunter2", "hunter2"+string(c))
	}
	passwords = append(passwords, "hunter2@hunter2:hunter2", "hunter2@hunter2/hunter2", "hunter2:1,hunter2:2@hunter2",
		"hunter2?a=hunter2@b", "hunter2%", "%zzhunter2", "%00hunter2", "hunter2\xff", "[hunter2]", "a@b:c@hunter2")
	for _, shape := range shapes {
		for _, password := range passwords {
			dsn := strings.ReplaceAll(shape, "PW", password)
			if strings.Count(dsn, "@") == 1 && strings.Contains(password, "@") {
				continue // u:…@hunter2/db: nothing tells that its host was meant as a password
			}
			if c, err := load(map[string]string{"DATABASE_URL": dsn}); err == nil {
				assertHidden(t, c)
			} else if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%q: %v", dsn, err)
			}
		}
	}
}

// The replica's URL is read as the primary's is, and each has its own say.
func TestReplicaURL(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, map[string]string{
		"DATABASE_URL":      goodURL + "?pgbouncer=true&connect_timeout=9",
		"DATABASE_READ_URL": "postgresql+psycopg2://u:hunter2@replica/db",
		"DB_POOL_SIZE":      "7", "DB_READ_MAX_LAG": "0.5", "PGAPPNAME": "me",
	})
	if c.Replica.URL != "postgres://u:hunter2@replica/db?application_name=me" || c.Replica.PoolSize != 7 || c.Replica.PgBouncer || c.Replica.ConnectTimeout != 5*time.Second || !c.Replica.Dev {
		t.Errorf("the replica: %#v, %+v", c.Replica.URL, c.Replica.PgBouncer)
	}
	if c.DB.Replica == nil || c.DB.Replica.URL != c.Replica.URL {
		t.Error("the pool's options are without the replica's")
	}
	if !c.DB.PgBouncer || c.DB.ReadMaxLag != time.Second/2 || len(c.URLFrom) != 1 {
		t.Errorf("the primary: %v, %v, from %v", c.DB.PgBouncer, c.DB.ReadMaxLag, c.URLFrom)
	}
	assertHidden(t, c, c.Replica)
	_, err := load(map[string]string{"DATABASE_READ_URL": "postgres://u:hunter2@h/db?sslmod=require", "PGSSLMODE": "wrong"})
	want := []string{"DATABASE_READ_URL: has the unknown parameter", "PGSSLMODE: "}
	if err == nil || strings.Contains(err.Error(), "hunter2") || len(strings.Split(err.Error(), "\n")) != len(want) {
		t.Fatalf("got:\n%v", err)
	}
	for _, text := range want {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("got:\n%v\nwithout %q", err, text)
		}
	}
}
