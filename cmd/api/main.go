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
	"slices"
	"strings"

	"example.com/transcription-api/internal/config/dotenv"
	"example.com/transcription-api/internal/handlers"
)

func main() {
	err := run(context.Background(), os.Args[1:], dotenv.Read, os.Stdout, os.Stderr)
	os.Exit(exitStatus(err, os.Stderr))
}

// usageError is what is wrong with the command line, or empty if it asks for help.
type usageError string

// Error implements error.
func (e usageError) Error() string { return string(e) }

// errSilent ends the process with 1 where the command has printed why itself.
var errSilent = errors.New("failed")

// exitStatus is 1 for what fails, 2 for what was asked for wrongly.
func exitStatus(err error, stderr io.Writer) int {
	misused, isMisused := errors.AsType[usageError](err)
	invalid, isInvalid := errors.AsType[settingsError](err)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errSilent):
		return 1
	case isMisused && misused != "":
		fmt.Fprintf(stderr, "api: %v\n\n", misused)
		fallthrough
	case isMisused:
		fmt.Fprint(stderr, usage())
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

// A command is what follows "api".
type command struct {
	name, args, about string
	takes             func(args []string) bool
	reads             []string // the settings that it reads; nil: all of them
	run               func(p *program, ctx context.Context, args []string) error
}

// commands are in the order of the usage. The first one is the default.
func commands() []command {
	return []command{
		{"serve", "", "serve the API (default)", nothing, nil, (*program).serve},
		{"check", "[--json]", "test the database connection, and what else the service needs", checkArgs, nil, (*program).check},
		workCommand(),
		{"migrate", "[up|down|status]", `apply migrations (default), roll back the last, list them;
up and down with --dry-run: only say what they would do`, migrateArgs, nil, (*program).migrate},
		{"health", "", "ask the server on this machine whether it is ready", nothing, []string{"HOST", "PORT"}, (*program).health},
		{"version", "", "print version, commit and Go version", nothing, []string{}, (*program).version},
	}
}

func nothing(args []string) bool { return len(args) == 0 }

func usage() string {
	var text strings.Builder
	text.WriteString("usage: api [command]\n\n")
	for _, c := range commands() {
		about := strings.ReplaceAll(c.about, "\n", "\n"+strings.Repeat(" ", 29))
		fmt.Fprintf(&text, "  %-26s %s\n", c.name+" "+c.args, about)
	}
	return text.String()
}

// run runs one command, until it is through or a signal ends it.
func (p *program) run(ctx context.Context, args []string, env environ) error {
	ctx, stop := untilSignal(ctx)
	defer stop()
	all := commands()
	if len(args) == 0 {
		args = []string{all[0].name}
	}
	if args[0] == "help" || slices.Contains(args, "-h") || slices.Contains(args, "--help") {
		return usageError("")
	}
	i := slices.IndexFunc(all, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		return usageError(fmt.Sprintf("unknown command %q", args[0]))
	}
	c := all[i]
	if !c.takes(args[1:]) {
		return usageError(fmt.Sprintf("%s does not take %q", c.name, strings.Join(args[1:], " ")))
	}
	if err := p.load(env, c.reads); err != nil {
		return err
	}
	return c.run(p, ctx, args[1:])
}
