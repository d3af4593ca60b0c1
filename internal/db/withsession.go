package db

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"gorm.io/gorm"
)

// WithSession runs fn in a session, for all work outside of requests: it
// commits when fn returns nil, rolls back when it returns an error or panics,
// and always hands the connection back. tx is good until fn returns. The error
// is fn's, or that of beginning or committing (see Session.Commit). The hooks of
// AfterCommit have run when it returns. A programming error (see Session.Misuse) is
// reported even if fn did not. A stop waits for it; when the stop's time
// is over, the session's context ends with ErrShutdown as its cause.
func (d *DB) WithSession(ctx context.Context, fn func(tx *gorm.DB) error, opts ...SessionOption) error {
	end, err := d.work.begin(callSite())
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer end()
	ctx, release := d.work.tie(ctx)
	defer release()
	var options sessionOptions
	for _, opt := range opts {
		opt(&options)
	}
	for attempt := 1; ; attempt++ {
		err := d.runSession(ctx, fn, opts)
		if attempt >= options.attempts || !repeatable(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(backoff(attempt)):
		}
	}
}

// runSession is one attempt. The deferred rollback does nothing after Commit;
// it is there for errors, panics and runtime.Goexit.
func (d *DB) runSession(ctx context.Context, fn func(tx *gorm.DB) error, opts []SessionOption) error {
	s := d.NewSession(ctx, opts...)
	defer d.work.watch(s)()
	defer s.Rollback()
	err := fn(s.DB())
	if err == nil {
		if err = s.Commit(); err == nil {
			s.hooksNow()
		}
		return err
	}
	s.Rollback()
	if misuse := s.Misuse(); misuse != nil && !errors.Is(err, misuse) {
		return fmt.Errorf("%w, and then: %w", misuse, err)
	}
	return err
}

// repeatable reports a serialization failure or a deadlock: the transaction was
// rolled back through no fault of its own. An unknown COMMIT is never repeated.
func repeatable(err error) bool {
	if errors.Is(err, ErrCommitUnknown) || Classify(err) != Unavailable { // a programming error beside it
		return false
	}
	code := sqlstate(err)
	return code == "40001" || code == "40P01"
}

// backoff doubles from 10 ms to at most 1 s. Its jitter keeps two sessions from
// running into each other again.
func backoff(attempt int) time.Duration {
	limit := min(10*time.Millisecond<<min(attempt-1, 7), time.Second)
	return limit/2 + rand.N(limit/2)
}
