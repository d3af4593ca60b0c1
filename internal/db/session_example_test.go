package db_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// exampleTB is what an example has for a testing.TB: it has none of its own, and shows a failure by a panic.
type exampleTB struct {
	testing.TB
	name     string
	cleanups []func()
}

func (e *exampleTB) Name() string                 { return e.name }
func (e *exampleTB) Helper()                      {}
func (e *exampleTB) Failed() bool                 { return false }
func (e *exampleTB) Context() context.Context     { return context.Background() }
func (e *exampleTB) Cleanup(fn func())            { e.cleanups = append(e.cleanups, fn) }
func (e *exampleTB) Error(args ...any)            { panic(fmt.Sprint(args...)) }
func (e *exampleTB) Errorf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
func (e *exampleTB) Fatal(args ...any)            { panic(fmt.Sprint(args...)) }
func (e *exampleTB) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
func (e *exampleTB) Skip(args ...any)             { panic(fmt.Sprint(args...)) }

// end runs the cleanups, the last first.
func (e *exampleTB) end() {
	for _, fn := range slices.Backward(e.cleanups) {
		fn()
	}
}

// exampleDB opens a pool on a database with pending things of these titles; end drops it.
func exampleDB(titles ...string) (conn *db.DB, end func()) {
	t := &exampleTB{name: "example"}
	conn = sessionOpenAt(t, dbtest.Things(t), new(dbtest.Log))
	for _, title := range titles {
		sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return sessionInsert(tx, title) }))
	}
	return conn, t.end
}
