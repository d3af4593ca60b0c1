package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/mattn/go-isatty"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web/app"
)

// program is what every command needs.
type program struct {
	stdout, stderr io.Writer
	api            func(app.Options) (http.Handler, error) // what serve serves
	cfg            config.Config
	log            *slog.Logger
}

// load reads the settings, or unless reads is nil only those, and makes the logger. A
// variable that is likely misspelt is told: beside the mistakes, since it may be
// the cause of one, else as a warning.
func (p *program) load(env environ, reads []string) error {
	if reads != nil && len(reads) == 0 {
		return nil // a bad .env is no matter
	}
	vars, err := env(".env")
	if err != nil {
		return settingsError{err}
	}
	misspelt := config.Misspelt(vars.Names("DB_"))
	if p.cfg, err = config.Load(vars.Lookup, reads...); err != nil {
		return settingsError{errors.Join(append([]error{err}, misspelt...)...)}
	}
	p.log = newLogger(p.cfg, p.stderr, vars.Lookup)
	p.cfg.DB.Logger = p.log
	if reads != nil {
		return nil // a probe, which would say it every few seconds
	}
	for _, note := range misspelt {
		p.log.Warn(note.Error())
	}
	return nil
}

// newLogger logs text for people in dev, in short lines if they sit at a terminal,
// JSON for machines elsewhere.
func newLogger(cfg config.Config, w io.Writer, lookup func(string) (string, bool)) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.Environment != config.Dev {
		return slog.New(app.LogHandler(slog.NewJSONHandler(app.EscapeJSON(w), options)))
	}
	if file, ok := w.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		w = app.ShortLines(w, wantsColour(lookup))
	}
	return slog.New(app.LogHandler(slog.NewTextHandler(w, options)))
}

// wantsColour asks what all programs at a terminal ask: NO_COLOR (no-color.org) and TERM.
func wantsColour(lookup func(string) (string, bool)) bool {
	no, _ := lookup("NO_COLOR")
	term, _ := lookup("TERM")
	return no == "" && term != "dumb"
}

// connect tests the connection, with retries, checks the connection budget and
// opens the pool.
func (p *program) connect(ctx context.Context) (*db.DB, error) {
	if err := p.testConnection(ctx); err != nil {
		return nil, err
	}
	if err := p.checkBudget(ctx); err != nil {
		return nil, err
	}
	return db.Open(ctx, p.cfg.DB)
}

// checkBudget refuses pools that the server can not hold, in production; elsewhere
// it warns. The pool opens afterwards: one that is far too large takes every
// connection, and minutes, before anything else gets its turn.
func (p *program) checkBudget(ctx context.Context) error {
	budget, err := p.cfg.DB.Budget(ctx, p.cfg.Instances)
	if err != nil {
		return err
	}
	if err = budget.Err(); err != nil && p.cfg.Environment != config.Production {
		p.log.Warn(err.Error())
		return nil
	}
	return err
}

func (p *program) testConnection(ctx context.Context) error {
	if from := p.cfg.URLFrom; len(from) > 0 {
		p.log.Info("connection parameters that DATABASE_URL leaves open", "from", from)
	}
	err := db.TestConnection(ctx, p.cfg.DB, p.cfg.ConnectRetries, p.cfg.ConnectRetryDelay)
	if errors.Is(err, db.ErrURL) {
		return settingsError{err}
	}
	return err
}

// disconnect closes the pool. What holds a connection has the time until the
// stop's deadline, and at least a second; then it is cut off with the process.
func (p *program) disconnect(ctx context.Context, conn *db.DB, deadline time.Time) error {
	limit := max(time.Until(deadline), time.Second) // no deadline: the start was not through
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	return conn.Close(ctx)
}
