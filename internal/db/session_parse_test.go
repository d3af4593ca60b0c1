package db_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// TestSessionParsesOnce: a connection parses each text once. Behind PgBouncer a session may find another backend under its
// connection each time, so nothing has a name there: each text is parsed again, in the same write, and only its description
// is kept.
func TestSessionParsesOnce(t *testing.T) {
	t.Parallel()
	type messages struct{ Parse, Bind, Execute, Sync, Query int64 }
	read := func(tx *gorm.DB) error {
		var n int
		return tx.Raw("SELECT count(*) FROM test_things WHERE title = ?", "a").Scan(&n).Error
	}
	write := func(tx *gorm.DB) error { return sessionInsert(tx, "a") }
	for name, c := range map[string]struct {
		pooler bool
		fn     func(tx *gorm.DB) error
		opts   []db.SessionOption
		want   messages
	}{
		"a reader":                   {false, read, []db.SessionOption{db.ReadOnly()}, messages{0, 2, 2, 1, 1}},
		"a writer":                   {false, write, nil, messages{0, 2, 2, 1, 1}},
		"a reader, behind PgBouncer": {true, read, []db.SessionOption{db.ReadOnly()}, messages{2, 2, 2, 1, 1}},
		"a writer, behind PgBouncer": {true, write, nil, messages{2, 2, 2, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy := dbtest.NewProxy(t, dbtest.Things(t))
			conn := sessionOpenAt(t, proxy.URL(), new(dbtest.Log), sessionPool(1, 0), func(o *db.Options) { o.PgBouncer = c.pooler })
			sent := func() messages {
				return messages{proxy.Sent('P'), proxy.Sent('B'), proxy.Sent('E'), proxy.Sent('S'), proxy.Sent('Q')}
			}
			sessionMust(t, conn.WithSession(t.Context(), c.fn, c.opts...))
			first := sent()
			if first.Parse < 2 {
				t.Errorf("the first session sends %+v: BEGIN and the statement are to be parsed", first)
			}
			sessionMust(t, conn.WithSession(t.Context(), c.fn, c.opts...))
			second := sent()
			got := messages{second.Parse - first.Parse, second.Bind - first.Bind, second.Execute - first.Execute, second.Sync - first.Sync, second.Query - first.Query}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the second session, on the same connection, sends (-want +got):\n%s", diff)
			}
		})
	}
}
