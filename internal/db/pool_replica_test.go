package db_test

import (
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// TestReplica_Unusable: what is no replica of the primary, or is away, is not read from, and keeps nothing from starting.
func TestReplica_Unusable(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		url, logged string
		verdict     db.Verdict
	}{
		"away":             {"postgres://u@127.0.0.1:1/db", "refused", db.Warn},
		"the primary":      {"", "no standby of the primary", db.Fail},
		"another database": {dbtest.Empty(t), "or to another database", db.Fail},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, log := dbtest.Things(t), new(dbtest.Log)
			if test.url == "" {
				test.url = target
			}
			conn := sessionOpenAt(t, target, log, func(o *db.Options) {
				there := *o
				there.URL = test.url
				o.Replica, o.ReadMaxLag = &there, time.Hour
			})
			for range 20 {
				sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
					return tx.Exec("SELECT FROM test_things WHERE id = ?", 1).Error
				}, db.ReadOnly(), db.FromReplica()))
			}
			dbtest.Eventually(t, "the log says why", func() bool { return strings.Contains(log.String(), test.logged) })
			there, lag := conn.Replica()
			if n := there.Counters().Acquires; n != 0 || lag < time.Hour {
				t.Errorf("%d sessions at what is no replica, said to be %v behind", n, lag)
			}
			opts, reads := doctorOptions(target), doctorOptions(test.url)
			opts.Replica = &reads
			examine(t, opts, db.Surroundings{}).wants(t, "read_replica", test.verdict, test.logged)
			budget, err := opts.Budget(t.Context(), 3)
			if sessionMust(t, err); budget.Wanted%3 != 0 || budget.Wanted/3 != opts.PoolSize+opts.MaxOverflow+1 {
				t.Errorf("a budget of %d connections for 3 instances", budget.Wanted)
			}
		})
	}
}
