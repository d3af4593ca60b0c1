package db_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// sessionLeaves runs a session whose caller leaves while its statement waits for the test's lock, which then comes free: the
// statement ends by itself while the request to cancel it is under way.
func sessionLeaves(t *testing.T, conn *db.DB, url string) (pid int) {
	t.Helper()
	release := sessionHoldLock(t, url)
	ctx, leave := context.WithCancelCause(t.Context())
	s, tx := sessionNew(t, conn, ctx)
	pid = sessionPID(t, tx)
	result := make(chan error, 1)
	go func() { result <- tx.Exec("SELECT pg_advisory_xact_lock(4)").Error }()
	sessionLocked(t, url)
	leave(errSessionGone)
	release()
	<-result // what it says depends on which was first, the lock or the request
	if err := s.Commit(); !errors.Is(err, errSessionGone) {
		t.Errorf("COMMIT: %v, want the cause of the end", err)
	}
	return pid
}

// sessionNext is the next caller on the pool's only connection. Its statement runs until the late request has reached the
// server.
func sessionNext(t *testing.T, conn *db.DB, url string, arrived func() bool) (pid int) {
	t.Helper()
	release := sessionHoldLock(t, url)
	result := make(chan error, 1)
	go func() {
		result <- conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			return errors.Join(tx.Raw("SELECT pg_backend_pid()").Scan(&pid).Error,
				tx.Exec("SELECT pg_advisory_xact_lock(4)").Error, sessionInsert(tx, "of the next"))
		})
	}()
	sessionLocked(t, url)
	dbtest.Eventually(t, "the request to cancel has arrived", arrived)
	release()
	if err := <-result; err != nil {
		t.Errorf("the next caller: %v", err)
	}
	if n := sessionRows(t, url); n != 1 {
		t.Errorf("%d rows, want that of the next caller", n)
	}
	return pid
}

// TestSessionLateCancelRequest: a request to cancel travels on a connection of its own. One that comes late must not end the
// statement of whoever has the connection by then.
func TestSessionLateCancelRequest(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]dbtest.CancelFault{
		"in time":                 {},
		"300 ms":                  {Delay: 300 * time.Millisecond},
		"900 ms":                  {Delay: 900 * time.Millisecond},
		"cut, but under way":      {Delay: 300 * time.Millisecond, Reset: true},
		"cut, and long under way": {Delay: 900 * time.Millisecond, Reset: true},
	} {
		for pooler, behind := range map[string]func(*testing.T, string) (string, func(*db.Options)){
			"": func(_ *testing.T, url string) (string, func(*db.Options)) { return url, func(*db.Options) {} },
			" at PgBouncer": func(t *testing.T, url string) (string, func(*db.Options)) {
				return poolBouncer(t, url), func(o *db.Options) { o.PgBouncer = true }
			},
		} {
			t.Run(name+pooler, func(t *testing.T) {
				t.Parallel()
				url := dbtest.Things(t)
				target, change := behind(t, url)
				proxy := dbtest.NewProxy(t, target)
				conn := sessionOpenAt(t, proxy.URL(), new(dbtest.Log), sessionPool(1, 0), change)
				proxy.FaultCancels(fault)
				left := sessionLeaves(t, conn, url)
				next := sessionNext(t, conn, url, func() bool { return proxy.Cancelled() == 1 })
				if fault.Reset && pooler == "" && next == left {
					t.Error("the connection is used again, though nobody knows where the request is")
				}
			})
		}
	}
}

// TestSessionCancelBehindPgBouncer: the request is held back between PgBouncer and the server. PgBouncer 1.18 and later keep
// the server's connection for that time.
func TestSessionCancelBehindPgBouncer(t *testing.T) {
	t.Parallel()
	url := dbtest.Things(t)
	proxy := dbtest.NewProxy(t, url)
	conn := sessionOpenAt(t, poolBouncer(t, proxy.URL()), new(dbtest.Log), sessionPool(1, 0), func(o *db.Options) { o.PgBouncer = true })
	proxy.FaultCancels(dbtest.CancelFault{Delay: 300 * time.Millisecond})
	sessionLeaves(t, conn, url)
	sessionNext(t, conn, url, func() bool { return proxy.Cancelled() == 1 })
}

// TestSessionCancelRequestRefused: nobody takes the request. Whether a part of it is under way cannot be known, so the
// connection goes.
func TestSessionCancelRequestRefused(t *testing.T) {
	t.Parallel()
	for name, faulty := range map[string]func(*dbtest.Proxy){
		"reset":      (*dbtest.Proxy).Refuse,
		"no answer":  (*dbtest.Proxy).Stall,
		"black hole": (*dbtest.Proxy).BlackHole,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := dbtest.Things(t)
			proxy := dbtest.NewProxy(t, url)
			conn := sessionOpenAt(t, proxy.URL(), new(dbtest.Log), sessionPool(1, 0))
			ctx, leave := context.WithCancelCause(t.Context())
			s, tx := sessionNew(t, conn, ctx)
			left := sessionPID(t, tx)
			result := make(chan error, 1)
			release := sessionHoldLock(t, url)
			go func() { result <- tx.Exec("SELECT pg_advisory_xact_lock(4)").Error }()
			sessionLocked(t, url)
			faulty(proxy)
			leave(errSessionGone)
			if err := <-result; !errors.Is(err, errSessionGone) {
				t.Errorf("the statement: %v, want the cause of its end", err)
			}
			s.Rollback()
			proxy.Pass()
			release()
			next := sessionNext(t, conn, url, func() bool { return true })
			if next == left {
				t.Error("the connection is used again")
			}
		})
	}
}

// TestSessionCancelIsQuick: a caller that leaves costs the next one no wait. pgx's own handler lets a tenth of a second pass
// after each cancel; the quickest of some tells, of more on a busy machine.
func TestSessionCancelIsQuick(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t, sessionPool(1, 0))
	quickest := sessionPatience
	for try := 0; try < 10 || try < 100 && quickest >= 100*time.Millisecond; try++ {
		ctx, leave := context.WithCancelCause(t.Context())
		s, tx := sessionNew(t, conn, ctx)
		release := sessionHoldLock(t, url)
		result := make(chan error, 1)
		go func() { result <- tx.Exec("SELECT pg_advisory_xact_lock(4)").Error }()
		sessionLocked(t, url)
		start := time.Now()
		leave(errSessionGone)
		<-result
		s.Rollback()
		sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error }))
		quickest = min(quickest, time.Since(start))
		release()
	}
	if quickest >= 100*time.Millisecond {
		t.Errorf("the next caller waited at least %v", quickest)
	}
}
