package app_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// TestExpiredKey: a key older than its time counts for nothing, whether or not it was deleted, and starts anew.
func TestExpiredKey(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t, func(set *webtest.Settings) { set.API.IdempotencyTTL = time.Hour })
	first := once(t, s, "a", webtest.Body)
	s.Exec(t, "UPDATE idempotency_keys SET created_at = now() - interval '59 minutes'")
	if again := once(t, s, "a", webtest.Body); !isReplay(again, first) {
		t.Errorf("before its time is over: %v", again)
	}
	s.Exec(t, "UPDATE idempotency_keys SET created_at = now() - interval '1 hour'")
	second := once(t, s, "a", otherThing)
	if second.Status != http.StatusCreated || isReplay(second, first) {
		t.Fatalf("after it: %v", second)
	}
	if again := once(t, s, "a", otherThing); !isReplay(again, second) {
		t.Errorf("its second life: %v", again)
	}
	if s.Rows(t) != 2 || keys(t, s) != 1 {
		t.Errorf("%d things, %d keys", s.Rows(t), keys(t, s))
	}
}

// TestCleanKeys deletes what is too old, and nothing else; what another transaction holds is left for the next time.
func TestCleanKeys(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	const insert = `INSERT INTO idempotency_keys (scope, key, request, status, headers, body, created_at)
		SELECT sha256('a'), n::text, sha256('b'), 201, '', '', now() - $2::interval FROM generate_series(1, $1::int) AS n`
	s.Exec(t, insert, 2500, "1 hour")
	fresh := once(t, s, "fresh", webtest.Body)
	release := lock(t, s, "SELECT FROM idempotency_keys WHERE key = '7' FOR UPDATE")
	for i, want := range []int64{2499, 0, 1} {
		if i == 2 {
			release()
		}
		if n, err := app.CleanIdempotencyKeys(t.Context(), s.DB, time.Hour); err != nil || n != want {
			t.Errorf("%d: deleted %d, %v, want %d", i, n, err, want)
		}
	}
	if n := keys(t, s); n != 1 || !isReplay(once(t, s, "fresh", webtest.Body), fresh) {
		t.Errorf("%d keys are left", n)
	}
}

// TestKeyTable: the rules of the table hold for every client of the database.
func TestKeyTable(t *testing.T) {
	t.Parallel()
	conn := dbtest.Connect(t, dbtest.Things(t))
	for name, values := range map[string]string{
		"idempotency_keys_scope_digest":   "'\\x00', 'a', sha256(''), 201, '', ''",
		"idempotency_keys_key_length":     "sha256(''), '', sha256(''), 201, '', ''",
		"idempotency_keys_request_digest": "sha256(''), 'a', '', 201, '', ''",
		"idempotency_keys_status_success": "sha256(''), 'a', sha256(''), 400, '', ''",
		"idempotency_keys_answer_whole":   "sha256(''), 'a', sha256(''), 201, '', NULL",
		"idempotency_keys_pkey":           "sha256(''), 'a', sha256(''), 201, '', ''), (sha256(''), 'a', sha256(''), 201, '', ''",
	} {
		_, err := conn.Exec(t.Context(), "INSERT INTO idempotency_keys (scope, key, request, status, headers, body) VALUES ("+values+")")
		if pg, _ := errors.AsType[*pgconn.PgError](err); pg == nil || pg.ConstraintName != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	dbtest.Exec(t, conn.Config().ConnString(), "INSERT INTO idempotency_keys (scope, key, request) VALUES (sha256(''), repeat('k', 255), sha256(''))")
}
