// Command api is the service: it serves, tests its database
// connection, migrates it, and probes a running server. The parts are in
// internal/; here they are put together.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"example.com/transcription-api/internal/config/dotenv"
	"example.com/transcription-api/internal/handlers"
)

const usage = `usage: api [command]

  serve                      serve the API (default)
  check                      test the database connection
  migrate [up|down|status]   apply migrations (default), roll back the last, list them;
                             up and down with --dry-run: only say what they would do
  health                     ask the server on this machine whether it is ready
  version                    print version, commit and Go version
`

func main() {
	err := run(context.Background(), os.Args[1:], dotenv.Read, os.Stdout, os.Stderr)
	os.Exit(exitStatus(err, os.Stderr))
}

// exit statuses: 1 for what fails, 2 for what was asked for wrongly.
var errUsage = errors.New("usage")

// errSilent ends the process with 1 where the command has printed why itself.
var errSilent = errors.New("failed")

func exitStatus(err error, stderr io.Writer) int {
	invalid, isInvalid := errors.AsType[settingsError](err)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errSilent):
		return 1
	case errors.Is(err, errUsage):
		fmt.Fprint(stderr, usage)
		return 2
	case isInvalid:
		fmt.Fprintf(stderr, "api: settings:\n%v\n", invalid.error)
		return 2
	default:
		fmt.Fprintln(stderr, "api:", err)
		return 1
	}
}

// settingsError lists the mistakes in the settings.
type settingsError struct{ error }

// environ opens the settings: the environment, and the .env file at a path.
type environ func(path string) (*dotenv.Env, error)

// run is the program.
func run(ctx context.Context, args []string, env environ, stdout, stderr io.Writer) error {
	p := program{stdout: stdout, stderr: stderr, api: handlers.New}
	return p.run(ctx, args, env)
}

// run runs one command, until it is through or a signal ends it.
func (p *program) run(ctx context.Context, args []string, env environ) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	command, rest := split(args)
	if command == "version" && len(rest) == 0 {
		return p.version()
	}
	if !known(command, rest) {
		return errUsage
	}
	var only []string
	if command == "health" {
		only = []string{"HOST", "PORT"} // a probe needs no more
	}
	if err := p.load(env, only...); err != nil {
		return err
	}
	switch command {
	case "check":
		return p.check(ctx)
	case "migrate":
		return p.migrate(ctx, rest)
	case "health":
		return p.health(ctx)
	default:
		return p.serve(ctx)
	}
}

func split(args []string) (command string, rest []string) {
	if len(args) == 0 {
		return "serve", nil
	}
	return args[0], args[1:]
}

// known reports whether there is such a command with such arguments.
func known(command string, rest []string) bool {
	switch command {
	case "serve", "check", "health":
		return len(rest) == 0
	case "migrate":
		_, ok := parseMigrate(rest)
		return ok
	default:
		return false
	}
}
