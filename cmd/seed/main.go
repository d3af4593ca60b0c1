// Command seed fills the example's table with made-up items, so that lists, filters, pages and the worker have something
// to work on. It is for databases of development: make seed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/config/dotenv"
	"example.com/transcription-api/internal/db"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	vars, err := dotenv.Read(".env")
	if err == nil {
		err = run(ctx, os.Args[1:], vars.Lookup, os.Stdout, os.Stderr)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		os.Exit(1)
	}
}

// batch is how many items one statement inserts: PostgreSQL takes 65,535 parameters in one.
const batch = 100

// most bounds N, which stands for a slip of the finger from there on.
const most = 1_000_000

// run adds N items in one transaction: all of them, or none if it is cut off.
func run(ctx context.Context, args []string, lookup func(string) (string, bool), stdout, stderr io.Writer) error {
	n, err := number(args)
	if err != nil {
		return err
	}
	cfg, err := settings(lookup, stderr)
	if err != nil {
		return err
	}
	if err := prepare(ctx, cfg); err != nil {
		return err
	}
	conn, err := db.Open(ctx, cfg.DB)
	if err != nil {
		return err
	}
	start := time.Now()
	err = conn.WithSession(ctx, func(tx *gorm.DB) error { return insert(ctx, tx, n, stdout) })
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("nothing is added: %w", err)
	}
	fmt.Fprintf(stdout, "%d items added to %s in %.1f s\n", n, cfg.DB, time.Since(start).Seconds())
	return nil
}

func number(args []string) (int, error) {
	if len(args) == 0 || len(args) == 1 && args[0] == "" {
		return 1000, nil
	}
	n, err := strconv.Atoi(args[0])
	if len(args) > 1 || err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("a number from 1 to %d is wanted as N", most)
	}
	return n, nil
}

// settings are the service's own, for one connection. Made-up rows have no place in production.
func settings(lookup func(string) (string, bool), stderr io.Writer) (config.Config, error) {
	cfg, err := config.Load(lookup)
	if err != nil {
		return cfg, fmt.Errorf("settings: %w", err)
	}
	if cfg.Environment == config.Production {
		return cfg, errors.New("ENVIRONMENT is production: made-up items are for development")
	}
	cfg.DB.PoolSize, cfg.DB.MaxOverflow, cfg.DB.LeakThreshold, cfg.DB.Dev = 1, 0, 0, false
	cfg.DB.Logger = slog.New(slog.NewTextHandler(stderr, nil))
	return cfg, nil
}

// prepare waits for the database, and migrates it as the service would.
func prepare(ctx context.Context, cfg config.Config) error {
	if err := db.TestConnection(ctx, cfg.DB, cfg.ConnectRetries, cfg.ConnectRetryDelay); err != nil || !cfg.AutoMigrate {
		return err
	}
	migrator, err := db.NewMigrator(cfg.DB)
	if err != nil {
		return err
	}
	defer migrator.Close()
	_, err = migrator.Up(ctx)
	return err
}

// insert tells after each batch how far it is.
func insert(ctx context.Context, tx *gorm.DB, n int, stdout io.Writer) error {
	maker := newMaker(rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())), time.Now())
	told := time.Now()
	for done := 0; done < n; {
		items := maker.items(min(batch, n-done))
		if err := tx.WithContext(ctx).Create(&items).Error; err != nil {
			return fmt.Errorf("insert: %w", err)
		}
		done += len(items)
		if done < n && (done == batch || time.Since(told) > time.Second/2) {
			told = time.Now()
			fmt.Fprintf(stdout, "%d of %d items\n", done, n)
		}
	}
	return nil
}
