package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"

	"gorm.io/gorm"
)

// AfterCommit registers fn to run once the session that tx belongs to has
// committed: no connection is held then, and ctx does not end with the request.
// It never runs after a rollback, one to a savepoint before it included, nor
// after a COMMIT whose outcome is unknown. It is an error if tx belongs to no
// session, sql.ErrTxDone if the session has ended.
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

// markHooks follows the savepoints of tx.Transaction: what is rolled back takes
// the hooks registered in it along.
func (s *Session) markHooks(query string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, ok := strings.CutPrefix(query, "ROLLBACK TO SAVEPOINT "); ok {
		s.hooks = s.hooks[:min(s.marks[name], len(s.hooks))]
	}
	if name, ok := strings.CutPrefix(query, "SAVEPOINT "); ok {
		if s.marks == nil {
			s.marks = make(map[string]int)
		}
		s.marks[name] = len(s.hooks)
	}
}

// runHooks runs what AfterCommit registered. A hook that panics is logged and
// does not change the outcome: the transaction is committed.
func (s *Session) runHooks() {
	s.mu.Lock()
	hooks := s.hooks
	s.mu.Unlock()
	ctx := context.WithoutCancel(s.ctx)
	for _, hook := range hooks {
		s.runHook(ctx, hook)
	}
}

func (s *Session) runHook(ctx context.Context, hook func(context.Context)) {
	defer func() {
		if fault := recover(); fault != nil {
			s.db.log.LogAttrs(ctx, slog.LevelError, "after-commit hook panicked",
				slog.String("error", fmt.Sprint(fault)), slog.String("stack", string(debug.Stack())))
		}
	}()
	hook(ctx)
}
