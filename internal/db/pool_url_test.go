package db_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"example.com/transcription-api/internal/db"
)

// TestOptions_Hidden: Options show where the URL leads, and no more.
func TestOptions_Hidden(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"postgres://u:hunter2@h1,[::1]:1/a%2Fb?sslmode=prefer": "postgres://u@h1:5432,[::1]:1/a%2Fb",
		"postgres://u:hunter2@h:port/d":                        "[secret]",
	} {
		opts := db.Options{URL: url}
		text, err := json.Marshal(opts)
		if err != nil {
			t.Fatal(err)
		}
		log := &poolLog{}
		slog.New(slog.NewJSONHandler(log, nil)).Info("", "options", opts)
		shown := fmt.Sprintf("%v %+v %#v %s %q %x %d ", opts, opts, opts, opts, opts, opts, []any{&opts}) + string(text) + log.String()
		if n := strings.Count(shown, want); n < 8 || strings.Contains(shown, "hunter2") || strings.Contains(shown, "68756e74657232") {
			t.Errorf("%s is shown as %s", want, shown)
		}
	}
}

// TestTestConnection_BadURL is told at once, without the URL.
func TestTestConnection_BadURL(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"postgres://user:hunter2@host:port/db", "postgres://user:hunter2@h/db?sslmode=perhaps",
		"postgres://user:hunter2@h/db?sslrootcert=/no/such/file", "postgres://user:hunter2%zz@h/db", "host=h password=hunter2 port=x",
		"postgres://user:hunter2/x@h/db",
	} {
		opts, log := poolLogged(bad)
		err := db.TestConnection(t.Context(), opts, 5, poolPatience)
		if !errors.Is(err, db.ErrURL) || strings.Contains(err.Error()+log.String(), "hunter2") || log.String() != "" {
			t.Errorf("%s: error %v, log %q", bad, err, log)
		}
		if d, err := db.Open(t.Context(), opts); !errors.Is(err, db.ErrURL) || strings.Contains(err.Error(), "hunter2") || d != nil {
			t.Errorf("%s: Open: %v", bad, err)
		}
		if _, err := db.NewMigrator(opts); !errors.Is(err, db.ErrURL) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: NewMigrator: %v", bad, err)
		}
	}
}
