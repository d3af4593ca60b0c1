package contest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.com/transcription-api/bench/internal/load"
)

// Programs are the two binaries that a contest starts.
type Programs struct {
	Service string   // this project's, as built for production
	Bench   string   // this program: the other contenders and the load
	Logs    string   // a folder for what the contenders write; "": nobody reads it
	Admin   string   // the service's ADMIN_ADDR; "": none
	Env     []string // more settings of the service
}

// readyIn is how long a contender may take until it answers.
const readyIn = 20 * time.Second

// running is a contender that serves.
type running struct {
	cmd     *exec.Cmd
	address string
	exited  chan error
	log     *os.File
}

// start starts a contender on a database and waits until it answers.
func (p Programs) start(ctx context.Context, id, url string) (*running, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	r := &running{cmd: p.command(ctx, id, url, address), address: address, exited: make(chan error, 1)}
	if r.log, err = p.openLog(id); err != nil {
		return nil, err
	}
	r.cmd.Stdout, r.cmd.Stderr = r.log, r.log
	if err := r.cmd.Start(); err != nil {
		r.log.Close()
		return nil, err
	}
	go func() { r.exited <- r.cmd.Wait() }()
	if err := r.awaitAnswer(ctx); err != nil {
		return nil, fmt.Errorf("start %s: %w (-logs FOLDER keeps what it says)", id, errors.Join(err, r.stop()))
	}
	return r, nil
}

func (p Programs) command(ctx context.Context, id, url, address string) *exec.Cmd {
	var cmd *exec.Cmd
	if id == serviceID {
		_, port, _ := net.SplitHostPort(address)
		cmd = p.service(ctx, url, "serve")
		cmd.Env = append(cmd.Env, "HOST=127.0.0.1", "PORT="+port, "ADMIN_ADDR="+p.Admin)
		cmd.Env = append(cmd.Env, p.Env...)
	} else {
		cmd = exec.CommandContext(ctx, p.Bench, "serve", id, address)
		cmd.Env = append(os.Environ(), databaseVariable+"="+url)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// databaseVariable is where the contenders beside the service find their
// database: not on the command line, which others can read.
const databaseVariable = "BENCH_DATABASE_URL"

// service runs a command of the service with the settings of production, and
// with none of this process's own.
func (p Programs) service(ctx context.Context, url string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, p.Service, args...)
	cmd.Dir = os.TempDir() // not where a .env is
	cmd.Env = []string{"DATABASE_URL=" + url, "ENVIRONMENT=production", "SHUTDOWN_DELAY=0"}
	return cmd
}

func (p Programs) openLog(id string) (*os.File, error) {
	if p.Logs == "" {
		return os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	}
	return os.OpenFile(p.Logs+"/"+id+".log", os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
}

func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return ln.Addr().String(), ln.Close()
}

// awaitAnswer asks until the contender has answered from the database.
func (r *running) awaitAnswer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyIn)
	defer cancel()
	for {
		status, err := ask(ctx, "http://"+r.address+"/items/1")
		if status == http.StatusOK {
			return nil
		}
		select {
		case exit := <-r.exited:
			r.exited <- exit
			return fmt.Errorf("it ended: %w", exit)
		case <-ctx.Done():
			return fmt.Errorf("no answer in time: status %d, %w", status, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func ask(ctx context.Context, url string) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	req.Close = true
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// stop ends the contender and waits for it.
func (r *running) stop() error {
	defer r.log.Close()
	_ = r.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case err := <-r.exited:
		return err
	case <-time.After(readyIn):
		_ = r.cmd.Process.Kill()
		<-r.exited
		return errors.New("it did not end")
	}
}

// load runs the load process. during is called when that has warmed up, and what
// it returns when the last answer has come: between the two is what is measured.
func (p Programs) load(ctx context.Context, o load.Options, during func() (func() error, error)) (result load.Result, err error) {
	cmd := exec.CommandContext(ctx, p.Bench, "load", o.Address, string(o.Work), strconv.Itoa(o.Clients), o.Window.String(),
		strconv.Itoa(o.Requests), o.WarmUp.String(), strconv.Itoa(o.Rows))
	var said strings.Builder
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return result, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return result, err
	}
	if err := cmd.Start(); err != nil {
		return result, err
	}
	result, err = converse(in, bufio.NewReader(out), during)
	in.Close()
	if waitErr := cmd.Wait(); waitErr != nil {
		return result, fmt.Errorf("load: %w: %s", waitErr, strings.TrimSpace(said.String()))
	}
	return result, err
}

// converse waits for the load's "ready", says "go" and reads its result.
func converse(in io.Writer, out *bufio.Reader, during func() (func() error, error)) (result load.Result, err error) {
	if _, err := out.ReadString('\n'); err != nil {
		return result, err
	}
	after, err := during()
	if err != nil {
		return result, err
	}
	if _, err := io.WriteString(in, "go\n"); err != nil {
		return result, err
	}
	line, err := out.ReadBytes('\n')
	if err != nil {
		return result, err
	}
	return result, errors.Join(after(), json.Unmarshal(line, &result))
}
