package db_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
)

// poolPatience is how long a slow machine may take for what should come at once.
const poolPatience = 30 * time.Second

// poolOptions are limits that no test meets unless it sets its own.
func poolOptions(url string, size, overflow int) db.Options {
	return db.Options{
		URL:            url,
		PoolSize:       size,
		MaxOverflow:    overflow,
		PoolTimeout:    2 * poolPatience,
		Recycle:        -1,
		PrePing:        true,
		OverflowIdle:   time.Hour,
		ConnectTimeout: poolPatience,
	}
}

// poolUnderTest is a pool, and a connection beside it that looks on.
type poolUnderTest struct {
	*db.DB
	t       *testing.T
	atOpen  db.Status // the moment that Open returned
	most    int       // size and overflow
	looking sync.Mutex
	watcher *pgx.Conn
}

// poolOpen opens a pool that is closed after the test, which then fails if a
// connection is still out. Its database is watched at watchURL.
func poolOpen(t *testing.T, opts db.Options, watchURL string) *poolUnderTest {
	t.Helper()
	d := dbtest.Open(t, opts)
	atOpen := d.Status()
	most := opts.PoolSize + opts.MaxOverflow
	return &poolUnderTest{DB: d, t: t, atOpen: atOpen, most: most, watcher: dbtest.Connect(t, watchURL)}
}

// poolNew opens a pool on a database of its own, after change to its options.
func poolNew(t *testing.T, size, overflow int, change func(*db.Options)) *poolUnderTest {
	t.Helper()
	opts := poolOptions(dbtest.Things(t), size, overflow)
	if change != nil {
		change(&opts)
	}
	return poolOpen(t, opts, opts.URL)
}

// backends are the process numbers of the pool's connections, as PostgreSQL sees them.
func (p *poolUnderTest) backends() []int {
	const query = `SELECT pid FROM pg_stat_activity WHERE datname = current_database()
		AND backend_type = 'client backend' AND application_name <> 'dbtest' AND pid <> pg_backend_pid() ORDER BY pid`
	p.looking.Lock()
	defer p.looking.Unlock()
	rows, err := p.watcher.Query(context.Background(), query)
	if err != nil {
		p.t.Error(err)
		return nil
	}
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		p.t.Error(err)
	}
	return pids
}

// terminate ends backends as an administrator would, and waits until they are gone.
func (p *poolUnderTest) terminate(pids ...int) {
	p.t.Helper()
	p.look("SELECT count(pg_terminate_backend(pid)) FROM unnest($1::int[]) pid", pids)
	dbtest.Eventually(p.t, "the backends are gone", func() bool {
		return !slices.ContainsFunc(p.backends(), func(pid int) bool { return slices.Contains(pids, pid) })
	})
}

// look asks for one number, beside the pool.
func (p *poolUnderTest) look(query string, args ...any) (n int) {
	p.t.Helper()
	p.looking.Lock()
	defer p.looking.Unlock()
	if err := p.watcher.QueryRow(p.t.Context(), query, args...).Scan(&n); err != nil {
		p.t.Fatal(err)
	}
	return n
}

// poolHeld is a session that has its connection.
type poolHeld struct {
	*db.Session
	pid int
}

// poolTry begins a session and asks on which backend. One that failed has ended.
func poolTry(ctx context.Context, d *db.DB) (poolHeld, error) {
	s := poolHeld{Session: d.NewSession(ctx)}
	err := s.DB().Raw("SELECT pg_backend_pid()").Scan(&s.pid).Error
	if err != nil {
		s.Rollback()
	}
	return s, err
}

// take begins a session that must get a connection; it ends with the test.
func (p *poolUnderTest) take() poolHeld {
	p.t.Helper()
	s, err := poolTry(p.t.Context(), p.DB)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(s.Rollback)
	return s
}

// takeMany holds n connections at once.
func (p *poolUnderTest) takeMany(n int) []poolHeld {
	p.t.Helper()
	held := make([]poolHeld, n)
	for i := range held {
		held[i] = p.take()
	}
	return held
}

// once runs a session from its BEGIN to its COMMIT.
func (p *poolUnderTest) once() (pid int, err error) {
	s, err := poolTry(p.t.Context(), p.DB)
	if err != nil {
		return 0, err
	}
	return s.pid, s.Commit()
}

// mustOnce is once where nothing may go wrong.
func (p *poolUnderTest) mustOnce() (pid int) {
	p.t.Helper()
	pid, err := p.once()
	if err != nil {
		p.t.Fatal(err)
	}
	return pid
}

// noSlotLost holds every connection that the pool may have, at once.
func (p *poolUnderTest) noSlotLost() {
	p.t.Helper()
	dbtest.Eventually(p.t, "nothing is out", func() bool { return p.Status().CheckedOut == 0 })
	held := p.takeMany(p.most)
	if s := p.Status(); s.CheckedOut != p.most || s.CheckedIn != 0 {
		p.t.Errorf("with all %d taken: %+v", p.most, s)
	}
	poolReturn(held)
	if s := p.Status(); s.CheckedOut != 0 {
		p.t.Errorf("with all given back: %+v", s)
	}
}

func poolReturn(held []poolHeld) {
	for _, s := range held {
		s.Rollback()
	}
}

// poolPIDs are the backends of held sessions, sorted.
func poolPIDs(held []poolHeld) []int {
	pids := make([]int, len(held))
	for i, s := range held {
		pids[i] = s.pid
	}
	slices.Sort(pids)
	return pids
}

// poolMost runs work and reports the most backends that were seen at a time.
func (p *poolUnderTest) poolMost(work func()) (most int) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		work()
	}()
	for {
		most = max(most, len(p.backends()))
		select {
		case <-done:
			return max(most, len(p.backends())) // however quick work was
		case <-time.After(time.Millisecond):
		}
	}
}

// poolTogether runs n of do at once and returns the errors that were not nil.
func poolTogether(n int, do func(i int) error) (errs []error) {
	results := make(chan error, n)
	for i := range n {
		go func() { results <- do(i) }()
	}
	for range n {
		if err := <-results; err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}
