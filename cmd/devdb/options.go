//go:build unix

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"example.com/transcription-api/internal/config/dotenv"
	"example.com/transcription-api/internal/devdb"
)

// options are what the command line says.
type options struct {
	throwaway bool
	env       string
	dir       string
	command   []string
}

const usage = `Usage: devdb [flags] -- COMMAND ARGS…

Starts the project's own PostgreSQL, runs COMMAND with the server's URL in its environment, and ends the server after it.
Without -throwaway, and with the variable set in the environment or in .env, it only runs COMMAND.

`

func parse(args []string, stderr io.Writer) (options, error) {
	var opts options
	flags := flag.NewFlagSet("devdb", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.BoolVar(&opts.throwaway, "throwaway", false, "fast and without data: new for this run, removed after it; for tests")
	flags.StringVar(&opts.env, "env", "DATABASE_URL", "the `variable` that COMMAND gets the URL in")
	flags.StringVar(&opts.dir, "dir", "",
		"the `folder` of the data (default .devdb in the project; for root one below /var/lib/devdb)")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stderr, usage)
			flags.SetOutput(stderr)
			flags.PrintDefaults()
		}
		return opts, err
	}
	opts.command = flags.Args()
	if len(opts.command) == 0 {
		return opts, errors.New("no command is given: devdb [flags] -- COMMAND ARGS…; devdb -h says more")
	}
	if opts.dir == "" {
		folder, err := os.Getwd()
		if err != nil {
			return opts, err
		}
		opts.dir = devdb.DefaultDir(project(folder))
	}
	return opts, nil
}

// presentURL is the URL that is set already, in the environment or in the .env of the working folder, as the API itself
// reads it. "" is none.
func presentURL(name string) (string, error) {
	env, err := dotenv.Read(".env")
	if err != nil {
		return "", fmt.Errorf("settings: %w", err)
	}
	url, _ := env.Lookup(name)
	return strings.TrimSpace(url), nil
}

// setenv replaces a variable, since programs differ in which of two they take.
func setenv(environ []string, name, value string) []string {
	var out []string
	for _, kv := range environ {
		if !strings.HasPrefix(kv, name+"=") {
			out = append(out, kv)
		}
	}
	return append(out, name+"="+value)
}

// replaceBy makes this process the command: there is nothing left to do for devdb.
func replaceBy(program string, args, environ []string) error {
	return fmt.Errorf("run %s: %w", program, syscall.Exec(program, args, environ))
}
