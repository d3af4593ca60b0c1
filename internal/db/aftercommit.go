package db

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"gorm.io/gorm"
)

// AfterCommit registers fn to run once the session that tx belongs to has
// committed: no connection is held then, and ctx does not end with the request.
// It never runs after a rollback or a COMMIT whose outcome is unknown. It
// reports ErrSessionOwned if tx belongs to no session.
func AfterCommit(tx *gorm.DB, fn func(ctx context.Context)) error {
	c, ok := tx.Statement.ConnPool.(*sessionConn)
	if !ok {
		return errors.New("after commit: tx belongs to no session")
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.hooks = append(c.s.hooks, fn)
	return nil
}

// runHooks runs what AfterCommit registered. A hook that panics is logged and
// does not change the outcome: the transaction is committed.
func (s *Session) runHooks() {
	ctx := context.WithoutCancel(s.ctx)
	for _, hook := range s.hooks {
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
