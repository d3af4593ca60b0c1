package db_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// TestPool_Dispose closes every connection; sessions after it fail at once. (test_dispose_closes_pooled)
func TestPool_Dispose(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 2, 1, nil)
	poolReturn(p.takeMany(3))
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	dbtest.Eventually(t, "the backends are gone", func() bool { return len(p.backends()) == 0 })
	ctx, cancel := context.WithTimeout(t.Context(), poolPatience)
	defer cancel()
	if _, err := poolTry(ctx, p.DB); !errors.Is(err, db.ErrUnavailable) || ctx.Err() != nil {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

// TestPool_CloseWaits for sessions to end; they may still commit.
func TestPool_CloseWaits(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 2, 0, nil)
	s := p.take()
	if err := s.DB().Exec("CREATE TABLE kept ()").Error; err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- p.Close(t.Context()) }()
	dbtest.Eventually(t, "the idle one is closed", func() bool { return len(p.backends()) == 1 })
	select {
	case err := <-closed:
		t.Fatalf("closed while a session was open: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if err := s.Commit(); err != nil {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if n := p.look("SELECT count(*) FROM pg_class WHERE relname = 'kept'"); n != 1 {
		t.Error("what was committed is not there")
	}
	dbtest.Eventually(t, "the backends are gone", func() bool { return len(p.backends()) == 0 })
}

// TestPool_CloseBounded: the error says how many are out.
func TestPool_CloseBounded(t *testing.T) {
	t.Parallel()
	p := poolNew(t, 2, 1, nil)
	p.takeMany(2)
	start := time.Now() // before the time begins that it waits for
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	err := p.Close(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "2 connections") {
		t.Errorf("error %v, want one that counts 2 connections", err)
	}
	if took := time.Since(start); took < 300*time.Millisecond || took > poolPatience/2 {
		t.Errorf("gave up after %v", took)
	}
}
