package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"example.com/transcription-api/internal/db"
)

// migrateOrder is what follows "api migrate".
type migrateOrder struct {
	action string // up, down or status
	dryRun bool
}

// parseMigrate takes the flag before or after the action.
func parseMigrate(args []string) (parsed migrateOrder, ok bool) {
	for _, arg := range args {
		switch {
		case (arg == "--dry-run" || arg == "-dry-run") && !parsed.dryRun:
			parsed.dryRun = true
		case (arg == "up" || arg == "down" || arg == "status") && parsed.action == "":
			parsed.action = arg
		default:
			return parsed, false
		}
	}
	if parsed.action == "" {
		parsed.action = "up"
	}
	return parsed, parsed.action != "status" || !parsed.dryRun
}

func migrateArgs(args []string) bool {
	_, ok := parseMigrate(args)
	return ok
}

func (p *program) newMigrator() (*db.Migrator, error) {
	migrator, err := db.NewMigrator(p.cfg.DB)
	if errors.Is(err, db.ErrURL) {
		return nil, settingsError{err}
	}
	return migrator, err
}

// migrate says what it is about to do before it does it.
func (p *program) migrate(ctx context.Context, args []string) error {
	order, _ := parseMigrate(args)
	if err := p.testConnection(ctx); err != nil { // with attempts, and with the advice that it has
		return err
	}
	migrator, err := p.newMigrator()
	if err != nil {
		return err
	}
	defer migrator.Close()
	if order.action == "status" {
		return p.migrationStatus(ctx, migrator)
	}
	plan, err := migrator.Plan(ctx)
	if err != nil {
		return err
	}
	p.announce(order, plan)
	switch {
	case order.dryRun:
		return nil
	case order.action == "down":
		return p.migrateDown(ctx, migrator)
	default:
		return p.migrateUp(ctx, migrator)
	}
}

// announce prints the plan.
func (p *program) announce(order migrateOrder, plan db.Plan) {
	verb := "about to"
	if order.dryRun {
		verb = "would"
	}
	switch {
	case order.action == "down" && plan.Latest != "":
		fmt.Fprintf(p.stdout, "%s roll back %s, in %s\n", verb, plan.Latest, plan.Target)
		if plan.Stays {
			fmt.Fprintf(p.stdout, "warning: %s has no statement after -- +goose Down: what it has done stays, and only counts as not applied\n", plan.Latest)
		}
	case order.action == "down" && order.dryRun:
		fmt.Fprintln(p.stdout, "nothing to roll back")
	case order.action == "up" && len(plan.Pending) > 0:
		fmt.Fprintf(p.stdout, "%s apply to %s:\n", verb, plan.Target)
		for _, name := range plan.Pending {
			fmt.Fprintln(p.stdout, " ", name)
		}
		for _, warning := range plan.Warnings {
			fmt.Fprintln(p.stdout, "warning:", warning)
		}
	case order.action == "up" && order.dryRun:
		fmt.Fprintln(p.stdout, "nothing to apply")
	}
}

func (p *program) migrateUp(ctx context.Context, migrator *db.Migrator) error {
	names, err := migrator.Up(ctx)
	for _, name := range names {
		fmt.Fprintln(p.stdout, "applied", name)
	}
	if err == nil && len(names) == 0 {
		fmt.Fprintln(p.stdout, "nothing to apply")
	}
	return err
}

func (p *program) migrateDown(ctx context.Context, migrator *db.Migrator) error {
	name, err := migrator.Down(ctx)
	if err == nil && name == "" {
		fmt.Fprintln(p.stdout, "nothing to roll back")
	} else if err == nil {
		fmt.Fprintln(p.stdout, "rolled back", name)
	}
	return err
}

func (p *program) migrationStatus(ctx context.Context, migrator *db.Migrator) error {
	list, err := migrator.Status(ctx)
	for _, m := range list {
		state := "pending"
		if !m.AppliedAt.IsZero() {
			state = "applied " + m.AppliedAt.UTC().Format(time.RFC3339)
		}
		fmt.Fprintf(p.stdout, "%-40s %s\n", m.Name, state)
	}
	return err
}

// prepareSchema brings the schema up to date at start, or says that it is not.
// A newer schema is served as it is, by the older instances of a rolling update.
func (p *program) prepareSchema(ctx context.Context) error {
	migrator, err := p.newMigrator()
	if err != nil {
		return err
	}
	defer migrator.Close()
	plan, err := migrator.Plan(ctx)
	if err == nil && p.cfg.AutoMigrate && len(plan.Pending) > 0 {
		for _, warning := range plan.Warnings {
			p.log.Warn("migration locks a table for long: " + warning)
		}
		_, err = migrator.Up(ctx)
	}
	switch {
	case errors.Is(err, db.ErrSchemaNewer):
		p.log.Warn("serving with an older program than the database's", "reason", err.Error())
		return nil
	case err == nil && !p.cfg.AutoMigrate && len(plan.Pending) > 0:
		p.log.Warn("the schema is behind this program: run api migrate", "pending", plan.Pending)
		return nil
	case err != nil && !p.cfg.AutoMigrate && !errors.Is(err, db.ErrSchemaUnknown) && ctx.Err() == nil:
		p.log.Warn("the schema's version is not known", "error", err.Error())
		return nil
	default:
		return err
	}
}
