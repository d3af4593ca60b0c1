package db

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Finding is what one check of Examine has found.
type Finding struct {
	Name   string  `json:"name"`
	Status Verdict `json:"status"`
	Detail string  `json:"detail"` // what is
	Advice string  `json:"advice"` // what to do; "" where nothing is
}

// Verdict is what a finding means.
type Verdict string

// The verdicts.
const (
	Sound Verdict = "ok"
	Warn  Verdict = "warn" // it works, and may not for long
	Fail  Verdict = "fail" // it does not work, or not as it is meant
)

// Surroundings is what Examine has to know beside the options.
type Surroundings struct {
	Instances int   // that share the server's connections
	Strict    bool  // an exceeded budget ends the start
	Migrates  bool  // pending migrations are applied at start
	Models    []any // pointers to the structs that are the tables' rows
}

// doctor looks at the database as the pool would see it, over a connection of its
// own, and over another one for a moment.
type doctor struct {
	opts    Options
	around  Surroundings
	cfg     *pgx.ConnConfig
	conn    *pgx.Conn
	pending bool              // migrations are, as far as is known
	types   map[string]column // by GORM's name for them
}

// checkLimit bounds each check, beside connecting.
const checkLimit = 10 * time.Second

// Examine checks what the service needs of its database, and returns a finding
// for each check, also for those that could not be made. It changes nothing. No
// finding holds the password.
func Examine(ctx context.Context, opts Options, around Surroundings) []Finding {
	pool, err := parseURL(opts.URL)
	if err != nil {
		return []Finding{{"url", Fail, urlError(err).Error(), "correct DATABASE_URL"}}
	}
	d := &doctor{opts: opts, around: around, cfg: pool.ConnConfig, types: map[string]column{}}
	opts.connConfig(d.cfg)
	d.cfg.DefaultQueryExecMode = pgx.QueryExecModeExec // which works through any pooler, with any encoding
	defer func() { closeSoon(ctx, d.conn) }()
	var findings []Finding
	for _, check := range d.checks() {
		if err := d.connected(ctx); err != nil {
			return append(findings, Finding{check.name, Fail, "not checked: " + oneLine{err}.Error(), "see to the connection"})
		}
		findings = append(findings, check.make(ctx))
	}
	return findings
}

// check is one of Examine's.
type check struct {
	name string
	run  func(context.Context) (Finding, error)
}

func (d *doctor) checks() []check {
	return []check{
		{"server_version", d.serverVersion},
		{"replication", d.replication},
		{"read_replica", d.readReplica},
		{"tls", d.tls},
		{"pooler", d.pooler},
		{"pool_budget", d.poolBudget},
		{"migrations", d.migrations},
		{"columns", d.columns},
		{"indexes", d.indexes},
		{"rights", d.rights},
		{"timeouts", d.timeouts},
		{"encoding", d.encoding},
		{"clock", d.clock},
	}
}

func (c check) make(ctx context.Context) Finding {
	ctx, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	finding, err := c.run(ctx)
	if err != nil {
		finding = Finding{Status: Fail, Detail: "not checked: " + oneLine{err}.Error(), Advice: "mend that first, and check again"}
	}
	finding.Name = c.name
	return finding
}

// connected opens the connection, and opens it anew where a check has lost it.
func (d *doctor) connected(ctx context.Context) (err error) {
	if d.conn == nil || d.conn.IsClosed() {
		d.conn, err = d.dial(ctx)
	}
	return err
}

func (d *doctor) dial(ctx context.Context) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, d.cfg.Copy())
	if err != nil {
		return nil, err
	}
	return conn, clearDeadline(ctx, conn)
}

// closeSoon says goodbye, also when ctx has ended, and waits for no dead line.
func closeSoon(ctx context.Context, conn *pgx.Conn) {
	if conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}

// poolBudget says in one line what the start would say.
func (d *doctor) poolBudget(ctx context.Context) (Finding, error) {
	budget, err := d.opts.budget(ctx, d.conn.QueryRow, d.around.Instances)
	over := budget.Err()
	switch {
	case err != nil:
		return Finding{}, err
	case d.opts.PgBouncer:
		return Finding{Status: Sound, Detail: fmt.Sprintf("the pools may open %d connections to PgBouncer, whose max_client_conn bounds them", budget.Wanted)}, nil
	case over == nil:
		return Finding{Status: Sound, Detail: budget.compared()}, nil
	}
	finding := Finding{Status: Warn, Detail: budget.compared(), Advice: budget.advice()}
	if d.around.Strict {
		finding.Status = Fail
	}
	return finding, nil
}

// migrations says what serve would find in the version table.
func (d *doctor) migrations(ctx context.Context) (Finding, error) {
	migrator, err := NewMigrator(d.opts)
	if err != nil {
		return Finding{}, err
	}
	defer migrator.Close()
	plan, err := migrator.Plan(ctx)
	d.pending = len(plan.Pending) > 0 || err != nil && !errors.Is(err, ErrSchemaNewer)
	switch {
	case errors.Is(err, ErrSchemaNewer):
		return Finding{Status: Warn, Detail: err.Error(), Advice: "fine during a rolling update; else start the newer program"}, nil
	case errors.Is(err, ErrSchemaUnknown):
		return Finding{Status: Fail, Detail: err.Error(), Advice: "correct DATABASE_URL"}, nil
	case err != nil && len(plan.Pending) > 0:
		return Finding{Status: Fail, Detail: err.Error(), Advice: "see api migrate status"}, nil
	case err != nil:
		return Finding{}, err
	case len(plan.Pending) == 0:
		return Finding{Status: Sound, Detail: "all are applied, the latest is " + plan.Latest}, nil
	}
	detail := fmt.Sprintf("%d pending, the first is %s", len(plan.Pending), plan.Pending[0])
	if d.around.Migrates {
		return Finding{Status: Warn, Detail: detail, Advice: "the next start applies them (AUTO_MIGRATE); or run api migrate"}, nil
	}
	return Finding{Status: Fail, Detail: detail, Advice: "run api migrate"}, nil
}
