// Command bench compares the service with others that do the same work: see
// docs/performance.md, which it writes. It is also each of the other programs of
// a comparison, as which it starts itself: bench serve, bench load.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/transcription-api/bench/internal/contender"
	"example.com/transcription-api/bench/internal/contest"
	"example.com/transcription-api/bench/internal/load"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the program.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	switch {
	case len(args) == 3 && args[0] == "serve":
		return contender.Serve(ctx, args[1], getenv("BENCH_DATABASE_URL"), args[2], stderr)
	case len(args) > 0 && args[0] == "load":
		return send(args[1:], stdin, stdout)
	default:
		return compare(ctx, args, getenv, stderr)
	}
}

// send is the load process: it says "ready", waits for a line, measures, and
// writes the result.
func send(args []string, stdin io.Reader, stdout io.Writer) error {
	o, err := parseLoad(args)
	if err != nil {
		return err
	}
	result, err := load.Run(o, func() error {
		fmt.Fprintln(stdout, "ready")
		_, err := bufio.NewReader(stdin).ReadString('\n')
		return err
	})
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(result)
}

func parseLoad(args []string) (o load.Options, err error) {
	if len(args) != 7 {
		return o, errors.New("usage: bench load ADDRESS WORK CLIENTS WINDOW REQUESTS WARMUP ROWS")
	}
	o.Address, o.Work = args[0], load.Work(args[1])
	var errs [5]error
	o.Clients, errs[0] = strconv.Atoi(args[2])
	o.Window, errs[1] = time.ParseDuration(args[3])
	o.Requests, errs[2] = strconv.Atoi(args[4])
	o.WarmUp, errs[3] = time.ParseDuration(args[5])
	o.Rows, errs[4] = strconv.Atoi(args[6])
	return o, errors.Join(errs[:]...)
}

// compare runs the contest and writes the report.
func compare(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) error {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "less than two minutes instead of six")
	growth := flags.Bool("growth", false, "the service alone, on a million rows and under ten minutes of mixed load")
	model := flags.Bool("model", false, "hold the model of docs/scaling.md against three measurements, in half a minute")
	service := flags.String("service", "bin/api", "the service's `binary`")
	docs := flags.String("docs", "docs", "the `folder` for performance.md and performance.svg")
	logs := flags.String("logs", "", "a `folder` for what the contenders write; it costs some speed")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := os.MkdirAll(*docs, 0o755); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	programs := contest.Programs{Bench: self, Logs: *logs}
	if programs.Service, err = filepath.Abs(*service); err != nil {
		return err
	}
	start, url := time.Now(), getenv("TEST_DATABASE_URL")
	about := contest.About{When: start, Commit: commit(ctx)}
	switch {
	case *growth:
		err = grow(ctx, *docs, about, programs, url, stderr)
	case *model:
		err = predict(ctx, *docs, about, programs, url, stderr)
	case *quick:
		err = contend(ctx, contest.Quick(), *docs, about, programs, url, stderr)
	default:
		err = contend(ctx, contest.Full(), *docs, about, programs, url, stderr)
	}
	if errors.Is(err, contest.ErrNoItems) {
		fmt.Fprintln(stderr, "bench:", err)
		return nil
	}
	if err == nil {
		fmt.Fprintf(stderr, "done in %v\n", time.Since(start).Round(time.Second))
	}
	return err
}

func contend(ctx context.Context, plan contest.Plan, docs string, about contest.About, programs contest.Programs, url string, stderr io.Writer) error {
	if err := contest.Alike(ctx, programs, url); err != nil {
		return err
	}
	results, err := contest.Run(ctx, plan, programs, url, stderr)
	if err != nil {
		return err
	}
	return write(docs, results, about)
}

func grow(ctx context.Context, docs string, about contest.About, programs contest.Programs, url string, stderr io.Writer) error {
	plan := contest.GrowthPlan{Rows: 1_000_000, PageSize: 100, Soak: 10 * time.Minute, Clients: 4}
	growth, err := contest.Grow(ctx, plan, programs, url, stderr)
	if err != nil {
		return err
	}
	return put(docs, "performance.md", contest.Growing, growth.Report(about))
}

func predict(ctx context.Context, docs string, about contest.About, programs contest.Programs, url string, stderr io.Writer) error {
	points, err := contest.Predict(ctx, 4*time.Second, programs, url, stderr)
	if err != nil {
		return err
	}
	return put(docs, "scaling.md", contest.Prediction, contest.ModelReport(points, about))
}

func write(docs string, results *contest.Results, about contest.About) error {
	const picture = "performance.svg"
	if err := os.WriteFile(filepath.Join(docs, picture), []byte(results.Chart()), 0o644); err != nil {
		return err
	}
	return put(docs, "performance.md", contest.Comparison, results.Report(about, picture))
}

// put replaces one part of a document.
func put(docs, name, part, report string) error {
	path := filepath.Join(docs, name)
	document, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, []byte(contest.Merge(string(document), part, report)), 0o644)
}

// commit is what was measured, as far as git can tell.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty", "--abbrev=12").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}
