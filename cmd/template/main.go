// Command template does what happens once or seldom to a clone of this
// template: it gives it its name, takes its example away, and begins resources.
// Nothing of it is linked into the service.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(context.Background(), ".", os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "template:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: template init MODULE [NAME [HOLDER]] | resource NAME [PLURAL] | drop; see make help")

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
	default:
		return errUsage
	}
}
