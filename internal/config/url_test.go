package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ url, revealed, redacted string }{
		{"postgres://u:hunter2@h/db", "", "postgres://u@h/db"},
		{"postgresql://u:hunter2@h:5433/db", "postgres://u:hunter2@h:5433/db", "postgres://u@h:5433/db"},
		{"postgresql+psycopg2://u:hunter2@h/db", "postgres://u:hunter2@h/db", "postgres://u@h/db"},
		{"Postgres+AsyncPG://u:hunter2@h/db", "postgres://u:hunter2@h/db", "postgres://u@h/db"},
		{"postgres://h/db", "", "postgres://h/db"},
		{"postgres://u@h/db", "", "postgres://u@h/db"},
		{"postgres://u:hun:ter2@h/db", "", "postgres://u@h/db"},
		{"postgres://u:pässword[1],x@h/db", "", "postgres://u@h/db"},
		{"postgres://u%40corp:hun%40ter%2F2@h/my%2Fdb", "", "postgres://u%40corp@h/my%2Fdb"},
		{"postgres://u:hunter2@h1,h2:5433/db?target_session_attrs=read-write", "", "postgres://u@h1,h2:5433/db"},
		{"postgres://u:hunter2@h1,h2/db?port=5433", "", "postgres://u@h1:5433,h2:5433/db"},
		{"postgres://u:hunter2@[::1]:5432,[fe80::1%25eth0]/db", "", "postgres://u@[::1]:5432,[fe80::1%25eth0]/db"},
		{"postgres://u:hunter2@10.0.0.1/db?sslmode=verify-full&connect_timeout=10&application_name=a+b", "", "postgres://u@10.0.0.1/db"},
		{"postgres:///db?host=/var/run/postgresql&user=u&password=hunter2", "", "postgres://u@/db?host=/var/run/postgresql"},
		{"postgres://u:hunter2@:5433/db?host=/tmp", "", "postgres://u@/db?host=/tmp&port=5433"},
		{"postgres://u:hunter2@%2Ftmp/db", "", "postgres://u@/db?host=/tmp"},
		{"postgres://u:hunter2@h?dbname=db&ssl=true", "", "postgres://u@h/db"},
		{"postgres://u:hunter2@h/db?password=hunter3&sslpassword=hunter4&options=-c%20geqo%3Doff", "", "postgres://u@h/db"},
	} {
		t.Run(test.url, func(t *testing.T) {
			t.Parallel()
			if test.revealed == "" {
				test.revealed = test.url
			}
			d := mustLoad(t, map[string]string{"DATABASE_URL": test.url}).Database
			if got := d.URL.Reveal(); got != test.revealed {
				t.Errorf("Reveal() = %q, want %q", got, test.revealed)
			}
			if got := d.Redacted(); got != test.redacted {
				t.Errorf("Redacted() = %q, want %q", got, test.redacted)
			}
		})
	}
}

func TestURLMistakes(t *testing.T) {
	t.Parallel()
	const (
		form    = "; allowed: postgres://USER:PASSWORD@HOST:5432/DATABASE"
		scheme  = "does not begin with postgres:// or postgresql://" + form
		special = "has a special character in a place where it can be misread; allowed: special characters of the password " +
			"percent-encoded: @ as %40, / as %2F, ? as %3F, # as %23, % as %25, a space as %20"
		noHost   = "names no host; allowed: host names, IP addresses (IPv6 in brackets), or ?host=/path for a Unix socket"
		badHost  = "has a bad host; allowed: host names, IP addresses (IPv6 in brackets), or ?host=/path for a Unix socket"
		badPort  = "has a bad port; allowed: 1 to 65535"
		ports    = "has not as many ports as hosts; allowed: one port for all hosts, or one for each"
		noUser   = "names no user before the @" + form
		noDB     = "names no database" + form
		slashes  = "has more than one / after the host; allowed: / in the database's name as %2F"
		badQuery = "has a bad query; allowed: ?name=value&name=value, with = and & in a value as %3D and %26"
		sslmode  = "has a bad sslmode; allowed: disable, allow, prefer, require, verify-ca, verify-full"
		attrs    = "has a bad target_session_attrs; allowed: any, read-write, read-only, primary, standby, prefer-standby"
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
		{"postgres://:5432/db", []string{badHost}},
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
		{"postgres://u:p@h/a/b", []string{slashes}},
		{"postgres://u:p@h:0/db", []string{badPort}},
		{"postgres://u:p@h:/db", []string{badPort}},
		{"postgres://u:p@h:65536,h:x/db", []string{badPort}},
		{"postgres://u:p@h1,,h2/db", []string{badHost}},
		{"postgres://u:p@h%2Ch2/db", []string{badHost}},
		{"postgres://u:p@-h/db", []string{badHost}},
		{"postgres://u:p@::1/db", []string{badPort, badHost}},
		{"postgres://u:p@[::1/db", []string{badPort, badHost}},
		{"postgres://u:p@[h]:1/db", []string{badHost}},
		{"postgres://u:p@[::1]h/db", []string{badPort, badHost}},
		{"postgres://u:p@[::1%25]]/db", []string{badPort, badHost}},
		{"postgres://u:p@[::1%25%5D]/db", []string{badHost}},
		{"postgres://u:p@%2Ftmp%2Ch/db", []string{badHost}},
		{"postgres://u:p@h1,h2,h3/db?port=1,2", []string{ports}},
		{"postgres://u:p@h1/db?port=", []string{badPort}},
		{"postgres://u:p@h/db?host=h!", []string{badHost}},
		{"postgres://u:p@h/db?", []string{badQuery}},
		{"postgres://u:p@h/db?sslmode", []string{badQuery}},
		{"postgres://u:p@h/db?a=b=c&=d", []string{badQuery}},
		{"postgres://u:p@h/db?sslmode=required", []string{sslmode}},
		{"postgres://u:p@h/db?sslmode=", []string{sslmode}},
		{"postgres://u:p@h/db?ssl=require", []string{"has a bad ssl; allowed: true; else use sslmode"}},
		{"postgres://u:p@h/db?sslnegotiation=tls", []string{"has a bad sslnegotiation; allowed: postgres, direct"}},
		{"postgres://u:p@h/db?channel_binding=yes", []string{"has a bad channel_binding; allowed: disable, prefer, require"}},
		{"postgres://u:p@h/db?connect_timeout=5s", []string{"has a bad connect_timeout; allowed: whole seconds, 1 or more; without it DB_CONNECT_TIMEOUT holds"}},
		{"postgres://u:p@-h:0?sslmode=on&target_session_attrs=rw", []string{badPort, sslmode, attrs, badHost, noDB}},
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
