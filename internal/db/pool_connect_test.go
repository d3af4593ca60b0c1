package db_test

import (
	"errors"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// poolThrough opens a pool on a database of its own, through a proxy.
func poolThrough(t *testing.T, size, overflow int, change func(*db.Options)) (*poolUnderTest, *dbtest.Proxy) {
	t.Helper()
	server := dbtest.Things(t)
	proxy := dbtest.NewProxy(t, server)
	opts := poolOptions(proxy.URL(), size, overflow)
	if change != nil {
		change(&opts)
	}
	return poolOpen(t, opts, server), proxy
}

// TestPool_FailedConnect gives its slot back. (test_overflow_reset_on_failed_connect)
func TestPool_FailedConnect(t *testing.T) {
	t.Parallel()
	p, proxy := poolThrough(t, 1, 2, nil)
	held := p.take()
	proxy.Refuse()
	for range 2 * p.most {
		if _, err := p.once(); !errors.Is(err, db.ErrUnavailable) || db.Classify(err) != db.Unavailable {
			t.Errorf("error %v, want ErrUnavailable", err)
		}
	}
	if s := p.Status(); s.CheckedOut != 1 || s.CheckedIn != 0 || s.Timeouts != 0 {
		t.Errorf("%+v", s)
	}
	proxy.Pass()
	held.Rollback()
	p.noSlotLost()
}

// TestPool_HangingConnect doesn't block others, is bounded, and then gives its
// slot back at once. (test_hanging_connect_within_overflow)
func TestPool_HangingConnect(t *testing.T) {
	t.Parallel()
	const limit = 3 * time.Second
	p, proxy := poolThrough(t, 1, 3, func(o *db.Options) { o.ConnectTimeout = limit })
	held := p.take()
	proxy.Ignore()
	before := proxy.Accepted()
	start := time.Now()
	hanging := make(chan error, 1)
	go func() {
		_, err := p.once()
		hanging <- err
	}()
	dbtest.Eventually(t, "it hangs", func() bool { return proxy.Accepted() > before })
	proxy.Pass()
	others := p.takeMany(2)
	select {
	case err := <-hanging:
		if time.Since(start) < limit { // else others were served only after it, on this machine
			t.Errorf("it did not hang while others were served: %v", err)
		}
		hanging <- err
	default:
	}
	if err := <-hanging; !errors.Is(err, db.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
	if took := time.Since(start); took < limit/2 || took > limit+10*time.Second {
		t.Errorf("gave up after %v, want %v", took, limit)
	}
	poolReturn(append(others, held))
	p.noSlotLost()
	if took := time.Since(start); took > limit+10*time.Second { // by itself pgx takes 15 s more
		t.Errorf("the slot was back after %v", took)
	}
}

// TestPool_TimeoutOverConnect: the pool time-out bounds waiting and connecting together.
func TestPool_TimeoutOverConnect(t *testing.T) {
	t.Parallel()
	const limit = 2 * time.Second
	p, proxy := poolThrough(t, 1, 1, func(o *db.Options) { o.PoolTimeout = limit })
	held := p.take()
	proxy.Ignore()
	start := time.Now()
	_, err := p.once()
	if took := time.Since(start); took < limit || took > poolPatience/2 {
		t.Errorf("failed after %v, want %v", took, limit)
	}
	if !errors.Is(err, db.ErrPoolTimeout) || p.Status().Timeouts != 1 {
		t.Errorf("error %v, %d time-outs counted", err, p.Status().Timeouts)
	}
	held.Rollback()
	proxy.Pass()
	proxy.Reset() // the one that hangs keeps its slot until it is given up
	dbtest.Eventually(t, "the slot is back", func() bool {
		s, err := poolTry(t.Context(), p.DB)
		defer s.Rollback()
		if err != nil {
			return false
		}
		_, err = p.once()
		return err == nil
	})
}
