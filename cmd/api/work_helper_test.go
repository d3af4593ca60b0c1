package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/config/dotenv"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/models"
)

// init lets the test binary be a worker whose engine is the tests' own; TestMain knows no resource.
func init() {
	if os.Getenv("API_TEST_RUN_MAIN") == "work" {
		os.Exit(exitStatus(workMain(), os.Stderr))
	}
}

func workMain() error {
	ctx, stop := untilSignal(context.Background())
	defer stop()
	p := program{stdout: os.Stdout, stderr: os.Stderr}
	if err := p.load(dotenv.Read, nil); err != nil {
		return err
	}
	return p.workWith(ctx, os.Args[2:], func(config.Config) (transcriber, error) { return testEngine, nil })
}

// testEngine notes in a file each item that it is given, and then does what the title says.
func testEngine(ctx context.Context, item models.Item) (transcription, error) {
	file := os.Getenv("TEST_WORK_FILE")
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return transcription{}, err
	}
	_, err = fmt.Fprintln(out, item.ID)
	if err = errors.Join(err, out.Close()); err != nil {
		return transcription{}, err
	}
	for {
		switch _, err := os.Stat(file + ".go"); {
		case item.Title == "fails":
			return transcription{}, errors.New("no sound in it")
		case item.Title == "is hopeless":
			return transcription{}, hopeless{errors.New("no recording at that URL")}
		case item.Title == "fails twice" && item.Attempts < 3:
			return transcription{}, errors.New("the engine is busy")
		case item.Title == "fails twice":
			return transcription{text: "Hello"}, nil
		case item.Title == "kills":
			return transcription{}, syscall.Kill(os.Getpid(), syscall.SIGKILL)
		case item.Title == "panics":
			panic("no sound in it")
		case item.Title == "too much":
			return transcription{text: strings.Repeat("a", 500_001)}, nil
		case item.Title == "heeds nothing":
			select {}
		case item.Title == "quick", err == nil:
			return transcription{text: "Hello"}, nil
		}
		select {
		case <-ctx.Done():
			return transcription{}, context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// workplace is a database with items, and a file in which the engine notes what it has been given.
type workplace struct {
	t         *testing.T
	url, file string
}

func newWorkplace(t *testing.T) workplace {
	return workplace{t, dbtest.New(t), filepath.Join(t.TempDir(), "noted")}
}

// worker starts one. It works with what is there, and with what comes.
func (w workplace) worker(env map[string]string, args ...string) *process {
	w.t.Helper()
	all := map[string]string{"API_TEST_RUN_MAIN": "work", "DATABASE_URL": w.url, "TEST_WORK_FILE": w.file, "DB_POOL_SIZE": "2"}
	for name, value := range env {
		all[name] = value
	}
	p := start(w.t, all, append([]string{"work"}, args...)...)
	p.await("msg=working")
	return p
}

func (w workplace) add(title string, n int) {
	w.t.Helper()
	dbtest.Exec(w.t, w.url, "INSERT INTO items (title, audio_url) SELECT $1, 'https://example.com/a.wav' FROM generate_series(1, $2::int)", title, n)
}

// ended waits for the connections of workers that were killed: PostgreSQL does what it has got from them, a COMMIT too.
func (w workplace) ended() {
	w.t.Helper()
	dbtest.Eventually(w.t, "their connections have ended", func() bool {
		return dbtest.Ask[int](w.t, w.url, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND starts_with(application_name, 'transcription-api ')") == 0
	})
}

// noted is how often the engine was given each item.
func (w workplace) noted() map[string]int {
	w.t.Helper()
	text, err := os.ReadFile(w.file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	times := map[string]int{}
	for line := range strings.FieldsSeq(string(text)) {
		times[line]++
	}
	return times
}

// release lets the engine finish.
func (w workplace) release() {
	w.t.Helper()
	if err := os.WriteFile(w.file+".go", nil, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w workplace) count(condition string) int {
	w.t.Helper()
	return dbtest.Ask[int](w.t, w.url, "SELECT count(*) FROM items WHERE "+condition)
}
