//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const patience = 2 * time.Minute // a build takes seconds, on a machine that is busy too

// program answers with the setting in .env, and waits for a signal.
const program = `package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	line, err := net.Listen("tcp", %q)
	if err != nil {
		panic(err)
	}
	go http.Serve(line, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		env, _ := os.ReadFile(".env")
		fmt.Fprint(w, "version %[2]d ", os.Getpid(), " ", string(env))
	}))
	<-ctx.Done()
	fmt.Println("version %[2]d has ended")
}
`

// workshop is a module of the test's own, with a developer at work in it.
type workshop struct {
	t             *testing.T
	root, address string
	said          said
}

type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &workshop{t: t, root: t.TempDir(), address: free.Addr().String()}
	free.Close()
	w.write("go.mod", "module example.org/program\n\ngo 1.26\n")
	w.version(1)
	return w
}

func (w *workshop) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.root, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *workshop) version(n int) { w.write("main.go", fmt.Sprintf(program, w.address, n)) }

// start begins; stop is Ctrl-C, and waits for the end.
func (w *workshop) start() (stop func()) {
	d, err := parse([]string{"go", "build", "-o", "program", ".", "--", "./program"})
	if err != nil {
		w.t.Fatal(err)
	}
	d.root, d.interval, d.stdout, d.stderr = w.root, 20*time.Millisecond, &w.said, &w.said
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(func() {
		stop()
		if w.t.Failed() {
			w.t.Logf("it says:\n%s", &w.said)
		}
	})
	return stop
}

func (w *workshop) answer() string {
	answer, err := http.Get("http://" + w.address)
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return string(text)
}

func (w *workshop) until(what string, holds func() bool) {
	w.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("after %v still not: %s", patience, what)
		}
	}
}

func (w *workshop) answers(text string) {
	w.t.Helper()
	w.until("the answer has "+text, func() bool { return strings.Contains(w.answer(), text) })
}

func (w *workshop) says(text string) {
	w.t.Helper()
	w.until("it says "+text, func() bool { return strings.Contains(w.said.String(), text) })
}

// TestChanges: each change is served, in code or settings; a mistake leaves alone what runs; the end ends all.
func TestChanges(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	stop := w.start()
	w.answers("version 1")
	before := w.answer()
	w.write("main.go", "package main\n\nfunc main() { undefined() }\n")
	w.says("main.go:3:15: undefined: undefined")
	w.says("main.go has changed")
	w.says("the build fails, and what runs goes on")
	if now := w.answer(); now != before {
		t.Errorf("what ran before the mistake does not go on: %q, was %q", now, before)
	}
	w.version(2)
	w.answers("version 2")
	w.says("version 1 has ended")
	w.write(".env", "SETTING=new")
	w.says("version 2 has ended") // which reads .env for each answer
	w.answers("SETTING=new")
	before = w.answer()
	w.write("main_test.go", "package main\n")
	w.write("notes.md", "no part of the program")
	time.Sleep(200 * time.Millisecond) // ten looks
	if now := w.answer(); now != before {
		t.Errorf("it started again for a file that is no part of the program: %q, was %q", now, before)
	}
	stop()
	if now := w.answer(); now != "" {
		t.Errorf("it answers after the end: %q", now)
	}
	if n := strings.Count(w.said.String(), "version 2 has ended"); n != 2 {
		t.Errorf("it was told to end %d times", n)
	}
}

// TestMistakes: without anything that runs, from the start or by its own fault, it waits for a change.
func TestMistakes(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.write("main.go", "package main\n")
	w.start()
	w.says("the build fails: ")
	w.write("main.go", "package main\n\nimport \"os\"\n\nfunc main() { os.Exit(3) }\n")
	w.says("./program has ended with status 3; it starts again after a change")
	w.version(1)
	w.answers("version 1")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"go", "build"}, {"--", "./program"}, {"go", "build", "--"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
