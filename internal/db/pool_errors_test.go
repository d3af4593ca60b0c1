package db_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// poolForeign finds an error that belongs to the layers below the session: database/sql's, its driver's, the pool's. They
// mean something else there, and callers who know them would repeat what must not be repeated.
func poolForeign(err error) error {
	for _, foreign := range []error{
		driver.ErrBadConn, driver.ErrSkip, driver.ErrRemoveArgument, sql.ErrConnDone,
	} {
		if errors.Is(err, foreign) {
			return foreign
		}
	}
	for _, text := range []string{"driver: ", "sql: database is closed", "closed pool", "resource not available", "conn busy", "conn closed by", "bad connection"} {
		if err != nil && strings.Contains(err.Error(), text) {
			return errors.New(text)
		}
	}
	return nil
}

// poolEverywhere collects the errors of all places where one can leave the package, in every way of sending a statement.
// Between the statements of a session the fault strikes.
func poolEverywhere(ctx context.Context, d *db.DB, opts db.Options, fault func()) (errs []error) {
	var n int
	ways := []func(tx *gorm.DB) error{
		func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error },
		func(tx *gorm.DB) error { return tx.Exec("SELECT ?::int", 1).Error },
		func(tx *gorm.DB) error { return tx.Raw("SELECT 1").Scan(&n).Error },
		func(tx *gorm.DB) error { return tx.Raw("SELECT 1").Row().Scan(&n) },
		func(tx *gorm.DB) error { return tx.Session(&gorm.Session{PrepareStmt: true}).Exec("SELECT 1").Error },
		func(tx *gorm.DB) error {
			return tx.Session(&gorm.Session{PrepareStmt: true}).Raw("SELECT 1").Scan(&n).Error
		},
		func(tx *gorm.DB) error {
			return tx.Transaction(func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error })
		},
		func(tx *gorm.DB) error { return tx.Exec("SELECT pg_sleep(0.01)").Error },
		func(tx *gorm.DB) error {
			rows, err := tx.Raw("SELECT repeat('x', 1000) FROM generate_series(1, 3000)").Rows()
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
			}
			return rows.Err()
		},
		func(tx *gorm.DB) error { return db.SetLocal(tx, "app.a", "b") },
		func(tx *gorm.DB) error { return db.AfterCommit(tx, func(context.Context) {}) },
		func(*gorm.DB) error { return nil },
	}
	for _, way := range ways {
		errs = append(errs, d.WithSession(ctx, way), d.WithSession(ctx, way, db.ReadOnly(), db.LockTimeout(time.Second)))
		s := d.NewSession(ctx)
		errs = append(errs, way(s.DB()))
		fault()
		errs = append(errs, way(s.DB()), way(s.DB()), s.Commit())
	}
	_, err := opts.Budget(ctx, 1)
	return append(errs, err, d.Ping(ctx, time.Second), db.TestConnection(ctx, opts, 1, 0))
}

// TestPool_NoForeignErrors: whatever happens to the database and to its callers, errors that leave are this package's own,
// or PostgreSQL's.
func TestPool_NoForeignErrors(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*dbtest.Proxy){
		"reset":      func(p *dbtest.Proxy) { p.Reset() },
		"refused":    func(p *dbtest.Proxy) { p.Refuse(); p.Reset() },
		"cut answer": func(p *dbtest.Proxy) { p.CutNext(dbtest.InAnswer, 1) },
		"cut before": func(p *dbtest.Proxy) { p.CutNext(dbtest.BeforeCommit, 1) },
		"cut after":  func(p *dbtest.Proxy) { p.CutNext(dbtest.AfterCommit, 1) },
		"none":       func(*dbtest.Proxy) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := dbtest.Things(t)
			proxy := dbtest.NewProxy(t, url)
			opts := poolOptions(proxy.URL(), 2, 1)
			opts.ConnectTimeout, opts.PoolTimeout = time.Second, time.Second
			p := poolOpen(t, opts, url)
			own := poolEverywhere(t.Context(), p.DB, opts, func() { fault(proxy) })
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			own = append(own, poolEverywhere(ctx, p.DB, opts, proxy.Pass)...)
			for _, err := range own {
				if foreign := poolForeign(err); foreign != nil {
					t.Errorf("%v: %v", foreign, err)
				}
			}
			if name != "none" && !slices.ContainsFunc(own, func(err error) bool { return err != nil && !errors.Is(err, context.Canceled) }) {
				t.Error("no error at all: the test tests nothing")
			}
		})
	}
}

// TestPool_NoForeignErrorsUnderFire: callers whose time ends at random, on lines that are cut at random.
func TestPool_NoForeignErrorsUnderFire(t *testing.T) {
	t.Parallel()
	url := dbtest.Things(t)
	proxy := dbtest.NewProxy(t, url)
	opts := poolOptions(proxy.URL(), 3, 2)
	opts.ConnectTimeout, opts.PoolTimeout = time.Second, time.Second
	p := poolOpen(t, opts, url)
	var all sync.WaitGroup
	for client := range 6 {
		all.Go(func() {
			for round := range 6 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+7*client+3*round)*4*time.Millisecond)
				for _, err := range poolEverywhere(ctx, p.DB, opts, func() {}) {
					if foreign := poolForeign(err); foreign != nil {
						t.Errorf("%v: %v", foreign, err)
					}
				}
				cancel()
				if client == 0 {
					proxy.Reset()
				}
			}
		})
	}
	all.Wait()
	p.noSlotLost()
}

// TestPool_NoForeignErrorsAfterClose: a session that comes too late learns that the pool is closed, in every way.
func TestPool_NoForeignErrorsAfterClose(t *testing.T) {
	t.Parallel()
	opts := poolOptions(dbtest.Things(t), 2, 1)
	d, err := db.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	early := d.NewSession(t.Context())
	if err := d.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	tx := early.DB().Session(&gorm.Session{PrepareStmt: true})
	for _, err := range append(poolEverywhere(t.Context(), d, opts, func() {}), tx.Exec("SELECT 2").Error, early.Commit()) {
		if foreign := poolForeign(err); foreign != nil {
			t.Errorf("%v: %v", foreign, err)
		}
	}
}
