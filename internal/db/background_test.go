package db_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// backgroundInsert is work that waits for the lock of sessionHoldLock, then writes a row.
func backgroundInsert(conn *db.DB, title string) func(context.Context) error {
	return func(ctx context.Context) error {
		return conn.WithSession(ctx, func(tx *gorm.DB) error {
			return errors.Join(tx.Exec("SELECT pg_advisory_xact_lock(4)").Error, sessionInsert(tx, title))
		})
	}
}

// backgroundWaiting waits until n backends wait for the lock.
func backgroundWaiting(t *testing.T, url string, n int) {
	t.Helper()
	conn := dbtest.Connect(t, url)
	dbtest.Eventually(t, "work waits for the lock", func() bool {
		var waiting int
		sessionMust(t, conn.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event = 'advisory'`).Scan(&waiting))
		return waiting == n
	})
}

// backgroundDrain starts a Drain, and checks that it waits.
func backgroundDrain(t *testing.T, conn *db.DB, ctx context.Context) (drained chan error) {
	t.Helper()
	drained = make(chan error, 1)
	go func() { drained <- conn.Drain(ctx) }()
	select {
	case err := <-drained:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(300 * time.Millisecond): // more than what an idle one takes
	}
	return drained
}

// TestBackgroundIsWaitedFor: a stop waits for Go, for sessions that anybody has taken, and for what they start meanwhile.
func TestBackgroundIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*db.DB, context.Context){
		"Go": func(conn *db.DB, ctx context.Context) { conn.Go(ctx, backgroundInsert(conn, "a")) },
		"Go, which starts more": func(conn *db.DB, ctx context.Context) {
			conn.Go(ctx, func(ctx context.Context) error {
				return conn.WithSession(ctx, func(tx *gorm.DB) error {
					conn.Go(ctx, backgroundInsert(conn, "a"))
					return tx.Exec("SELECT 1").Error
				})
			})
		},
		"a goroutine of the program's": func(conn *db.DB, ctx context.Context) { go func() { _ = backgroundInsert(conn, "a")(ctx) }() },
		"hooks of a session": func(conn *db.DB, ctx context.Context) {
			go func() {
				_ = conn.WithSession(ctx, func(tx *gorm.DB) error {
					return db.AfterCommit(tx, func(ctx context.Context) { _ = backgroundInsert(conn, "a")(ctx) })
				})
			}()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, url, _ := sessionOpen(t, sessionPool(3, 0))
			release := sessionHoldLock(t, url)
			start(conn, t.Context())
			backgroundWaiting(t, url, 1)
			drained := backgroundDrain(t, conn, t.Context())
			release()
			sessionMust(t, <-drained)
			if n := sessionRows(t, url); n != 1 {
				t.Errorf("%d rows, want 1", n)
			}
		})
	}
}

// TestBackgroundStartedDuringTheStop: work in flight may start more, as long as anything runs.
func TestBackgroundStartedDuringTheStop(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	proceed := make(chan struct{})
	conn.Go(t.Context(), func(ctx context.Context) error {
		<-proceed
		for range 3 {
			conn.Go(ctx, backgroundInsert(conn, "a"))
		}
		return nil
	})
	drained := backgroundDrain(t, conn, t.Context())
	close(proceed)
	sessionMust(t, <-drained)
	if n := sessionRows(t, url); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

// TestBackgroundContext: the caller's values, and neither its end nor its deadline.
func TestBackgroundContext(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t)
	type key struct{}
	ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "kept"), time.Hour)
	cancel()
	look := func(ctx context.Context) {
		if _, limited := ctx.Deadline(); limited || ctx.Err() != nil || ctx.Value(key{}) != "kept" {
			t.Errorf("deadline: %v, error: %v, value: %v", limited, ctx.Err(), ctx.Value(key{}))
		}
	}
	conn.Go(ctx, func(ctx context.Context) error { look(ctx); return nil })
	ctx, cancel = context.WithTimeout(context.WithValue(t.Context(), key{}, "kept"), time.Hour)
	defer cancel()
	sessionMust(t, conn.WithSession(ctx, func(tx *gorm.DB) error {
		return db.AfterCommit(tx, func(ctx context.Context) { cancel(); look(ctx) })
	}))
	sessionMust(t, conn.Drain(t.Context()))
}

// TestBackgroundCutOff: what still runs when the stop's time is over is cancelled, whatever context its statements have, rolled
// back, counted and named.
func TestBackgroundCutOff(t *testing.T) {
	t.Parallel()
	conn, url, log := sessionOpen(t, sessionPool(3, 0))
	release := sessionHoldLock(t, url)
	defer release()
	causes, inHook := make(chan error, 4), make(chan struct{})
	conn.Go(t.Context(), func(ctx context.Context) error {
		err := backgroundInsert(conn, "a")(ctx)
		causes <- context.Cause(ctx)
		return err
	})
	conn.Go(t.Context(), func(ctx context.Context) error {
		<-ctx.Done()
		causes <- context.Cause(ctx)
		return nil
	})
	go func() {
		_ = conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			err := tx.WithContext(t.Context()).Exec("SELECT pg_advisory_xact_lock(4)").Error // not the session's own context
			causes <- context.Cause(tx.Statement.Context)
			return err
		})
	}()
	go func() {
		_ = conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			return db.AfterCommit(tx, func(ctx context.Context) { close(inHook); <-ctx.Done(); causes <- context.Cause(ctx) })
		})
	}()
	backgroundWaiting(t, url, 2)
	<-inHook
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err := conn.Drain(ctx)
	if err == nil || !strings.Contains(err.Error(), " pieces of background work cut off") {
		t.Errorf("error %v, want one that counts", err)
	}
	for range 4 {
		select {
		case cause := <-causes:
			if !errors.Is(cause, db.ErrShutdown) {
				t.Errorf("cause %v, want ErrShutdown", cause)
			}
		case <-time.After(sessionPatience):
			t.Fatal("work was not cancelled")
		}
	}
	lines := log.Lines(t, "background work cut off")
	if len(lines) != 1 || lines[0]["count"] != 5.0 || !strings.Contains(strings.Join(backgroundPlaces(lines[0]), "\n"), "TestBackgroundCutOff") {
		t.Errorf("logged: %v", lines)
	}
	if n := sessionRows(t, url); n != 0 {
		t.Errorf("%d rows, want none", n)
	}
	sessionIdle(t, conn, url)
}

func backgroundPlaces(line map[string]any) (places []string) {
	list, _ := line["started_at"].([]any)
	for _, place := range list {
		text, _ := place.(string)
		places = append(places, text)
	}
	return places
}

// TestBackgroundTooLate: what comes after the stop is not done, and nobody can overlook it.
func TestBackgroundTooLate(t *testing.T) {
	t.Parallel()
	url, log := dbtest.Things(t), new(dbtest.Log)
	conn, err := db.Open(t.Context(), sessionOptions(t, url, log))
	sessionMust(t, err)
	sessionMust(t, conn.Drain(t.Context()))
	conn.Go(t.Context(), func(context.Context) error { t.Error("ran"); return nil })
	err = conn.WithSession(t.Context(), func(*gorm.DB) error { t.Error("ran"); return nil })
	if !errors.Is(err, db.ErrShutdown) || !errors.Is(err, db.ErrUnavailable) {
		t.Errorf("a session: %v", err)
	}
	lines := log.Lines(t, "background work refused")
	if len(lines) != 1 || !strings.Contains(lines[0]["started_at"].(string), "TestBackgroundTooLate") {
		t.Errorf("logged: %v", lines)
	}
	if err := conn.Close(t.Context()); !errors.Is(err, db.ErrShutdown) || !strings.Contains(err.Error(), "1 pieces") {
		t.Errorf("closed: %v, want an error that counts", err)
	}
}

// TestBackgroundFails: errors and panics are logged with their place, and neither ends the process nor holds up the stop.
func TestBackgroundFails(t *testing.T) {
	t.Parallel()
	conn, _, log := sessionOpen(t)
	conn.Go(t.Context(), func(context.Context) error { return errSessionUndo })
	conn.Go(t.Context(), func(context.Context) error { panic("of the work") })
	conn.Go(t.Context(), func(context.Context) error { runtime.Goexit(); return nil })
	sessionMust(t, conn.Drain(t.Context()))
	failed, panicked := log.Lines(t, "background work failed"), log.Lines(t, "background work panicked")
	if len(failed) != 1 || failed[0]["error"] != errSessionUndo.Error() || !strings.Contains(failed[0]["started_at"].(string), "TestBackgroundFails") {
		t.Errorf("failed: %v", failed)
	}
	if len(panicked) != 1 || panicked[0]["error"] != "of the work" || !strings.Contains(panicked[0]["stack"].(string), "TestBackgroundFails") {
		t.Errorf("panicked: %v", panicked)
	}
}
