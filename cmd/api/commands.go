package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	"example.com/transcription-api/internal/db"
)

// Set at build time by -ldflags, see the Makefile.
var (
	version = "dev"
	commit  = ""
)

func (p *program) version() error {
	fmt.Fprintf(p.stdout, "api %s, commit %s, %s\n", version, revision(), runtime.Version())
	return nil
}

// revision falls back on what the Go tool has stamped into the binary.
func revision() string {
	if commit != "" {
		return commit
	}
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return "unknown"
}

func (p *program) check(ctx context.Context) error {
	err := p.testConnection(ctx)
	if _, invalid := errors.AsType[settingsError](err); invalid {
		return err
	}
	if err != nil {
		fmt.Fprintln(p.stdout, "✗ Database connection failed:", err)
		return errSilent
	}
	fmt.Fprintln(p.stdout, "✓ Database connection successful")
	return nil
}

func (p *program) migrate(ctx context.Context, args []string) error {
	if err := p.testConnection(ctx); err != nil { // with attempts, and with the advice that it has
		return err
	}
	migrator, err := db.NewMigrator(p.dbOptions())
	if err != nil {
		return settingsError{err}
	}
	defer migrator.Close()
	switch {
	case len(args) == 0 || args[0] == "up":
		names, err := migrator.Up(ctx)
		for _, name := range names {
			fmt.Fprintln(p.stdout, "applied", name)
		}
		if err == nil && len(names) == 0 {
			fmt.Fprintln(p.stdout, "nothing to apply")
		}
		return err
	case args[0] == "down":
		name, err := migrator.Down(ctx)
		if err == nil && name == "" {
			fmt.Fprintln(p.stdout, "nothing to roll back")
		} else if err == nil {
			fmt.Fprintln(p.stdout, "rolled back", name)
		}
		return err
	default:
		return p.migrationStatus(ctx, migrator)
	}
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

// health asks the server on this machine whether it is ready.
func (p *program) health(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	url := "http://" + net.JoinHostPort(loopback(p.cfg.Host), strconv.Itoa(p.cfg.Port)) + "/health/ready"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	defer response.Body.Close()
	fmt.Fprintln(p.stdout, response.Status)
	if response.StatusCode != http.StatusOK {
		return errSilent
	}
	return nil
}

// loopback is where a server that listens on host is reached from here.
func loopback(host string) string {
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		return "localhost"
	}
	return host
}
