package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"time"

	"gorm.io/gorm"
)

// AfterCommit registers fn to run once the session that tx belongs to has
// committed: no connection is held then. After a request it runs in a goroutine
// of its own, once the answer has left; after WithSession before that returns.
// Hooks of one session run one after the other, in their order. Their context
// has the values of the session's, but does not end with it; a stop waits for
// them, and ends their context when its time is over (see Drain). fn never runs
// after a rollback, also not one to a savepoint before it, nor after a COMMIT
// whose outcome is unknown.
// It is an error if tx belongs to no session, sql.ErrTxDone if that has ended.
func AfterCommit(tx *gorm.DB, fn func(ctx context.Context)) error {
	s := sessionOf(tx)
	if s == nil {
		return errors.New("after commit: tx belongs to no session")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return fmt.Errorf("after commit: %w", sql.ErrTxDone)
	}
	s.hooks = append(s.hooks, fn)
	return nil
}

// savepointMark is a savepoint that there is, and how many hooks there were when it was made.
type savepointMark struct {
	name  string
	hooks int
}

// markHooks follows the savepoints, those of tx.Transaction and those written by
// hand: what is rolled back takes the hooks registered in it along. Of several
// with one name the last one counts, as in PostgreSQL.
func (s *Session) markHooks(statements []savepointStatement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, statement := range statements {
		if statement.verb == "SAVEPOINT" {
			s.marks = append(s.marks, savepointMark{statement.name, len(s.hooks)})
			continue
		}
		at := len(s.marks) - 1
		for at >= 0 && s.marks[at].name != statement.name {
			at--
		}
		if at >= 0 && statement.verb == "ROLLBACK" {
			s.hooks = s.hooks[:s.marks[at].hooks]
			at++ // the savepoint stays
		}
		s.marks = s.marks[:max(at, 0)]
	}
}

// answerTime is how long hooks wait for a client that is slow to take its answer.
const answerTime = 5 * time.Second

// HasHooks reports whether AfterCommit was called, and not undone by a savepoint.
func (s *Session) HasHooks() bool { return len(s.takeHooks(false)) > 0 }

// GoHooks runs what AfterCommit registered, as work that a stop waits for, when
// answered is closed, or the client has taken its answer too slowly. Call it
// after Commit has succeeded: until then nothing is to be done.
func (s *Session) GoHooks(answered <-chan struct{}) {
	hooks := s.takeHooks(true)
	if len(hooks) == 0 {
		return
	}
	s.db.spawn(s.ctx, func() string { return hookNames(hooks) }, func(ctx context.Context) error {
		slow := time.NewTimer(answerTime)
		defer slow.Stop()
		select {
		case <-answered:
		case <-slow.C:
		case <-ctx.Done(): // the hooks run nevertheless, and see it in their context
		}
		s.runHooks(ctx, hooks)
		return nil
	})
}

// takeHooks returns the hooks; with remove, nobody gets them again.
func (s *Session) takeHooks(remove bool) []func(context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	hooks := s.hooks
	if remove {
		s.hooks = nil
	}
	return hooks
}

// hooksNow runs the hooks before it returns, for WithSession.
func (s *Session) hooksNow() {
	s.runHooks(s.db.work.detach(s.ctx), s.takeHooks(true))
}

// runHooks goes on after a hook that panics: the transaction is committed, so the
// other hooks still have to run.
func (s *Session) runHooks(ctx context.Context, hooks []func(context.Context)) {
	for _, hook := range hooks {
		s.runHook(ctx, hook)
	}
}

func (s *Session) runHook(ctx context.Context, hook func(context.Context)) {
	defer s.db.logPanic(ctx, "after-commit hook panicked")
	hook(ctx)
}

// hookNames names the functions, by which their place in the code can be found.
func hookNames(hooks []func(context.Context)) string {
	names := make([]string, len(hooks))
	for i, hook := range hooks {
		names[i] = runtime.FuncForPC(reflect.ValueOf(hook).Pointer()).Name()
	}
	return strings.Join(names, ", ")
}
