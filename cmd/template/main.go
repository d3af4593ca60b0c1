// Command template does what happens once or seldom to a clone of this
// template: it gives it its name, takes its example away, begins resources, and
// brings later versions of the template.
// Nothing of it is linked into the service.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, ".", os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "template:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: template init MODULE [NAME [HOLDER]] | resource NAME [PLURAL] | drop | upgrade FROM DRY_RUN KEEP CHECKS; see make help")

// run runs one command on the tree at root.
func run(ctx context.Context, root string, args []string, stdout io.Writer) error {
	given := len(args)
	args = append(args, "", "", "", "")
	switch {
	case args[0] == "init" && given >= 2 && given <= 4:
		return initialize(ctx, root, request{module: args[1], name: args[2], holder: args[3]}, stdout)
	case args[0] == "resource" && given >= 2 && given <= 3:
		return addResource(root, args[1], args[2], stdout)
	case args[0] == "drop" && given == 1:
		return dropExample(ctx, root, stdout)
	case args[0] == "upgrade" && given == 5:
		return upgrade(ctx, root, order{from: args[1], dryRun: isSet(args[2]), keep: isSet(args[3]), checks: strings.Fields(args[4])}, stdout)
	default:
		return errUsage
	}
}

// isSet reads a flag of make's command line, as people give them.
func isSet(flag string) bool { return flag != "" && flag != "0" && flag != "false" && flag != "no" }
