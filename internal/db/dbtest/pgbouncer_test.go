//go:build unix

package dbtest_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestPgBouncerWantsItsPassword: the way to the server's superuser is closed to the other users of this machine.
func TestPgBouncerWantsItsPassword(t *testing.T) {
	t.Parallel()
	given := dbtest.PgBouncer(t, dbtest.Empty(t), 1)
	if got := dbtest.Ask[int](t, given, "SELECT 1"); got != 1 {
		t.Errorf("with the password: %d", got)
	}
	for _, user := range []*url.Userinfo{url.User("app"), url.UserPassword("app", "guessed"), url.User("postgres"), url.User("anybody")} {
		u, err := url.Parse(given)
		if err != nil {
			t.Fatal(err)
		}
		u.User = user
		conn, err := pgx.Connect(t.Context(), u.String())
		if err == nil {
			_ = conn.Close(t.Context())
			t.Errorf("%s was let in", u.User)
		} else if !strings.Contains(err.Error(), "auth") {
			t.Errorf("%s: %v, want a refusal", u.User, err)
		}
	}
}

// TestProxyPassesLogIns: what a client answers to a question for its password has no type of its own on the line.
func TestProxyPassesLogIns(t *testing.T) {
	t.Parallel()
	p := dbtest.NewProxy(t, dbtest.PgBouncer(t, dbtest.Empty(t), 1))
	if got := dbtest.Ask[int](t, p.URL(), "SELECT 1"); got != 1 {
		t.Errorf("through the proxy: %d", got)
	}
}
