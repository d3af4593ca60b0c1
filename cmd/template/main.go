// Command template does what happens once or seldom to a clone of this
// template: it gives it its name. Nothing of it is linked into the service.
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

var errUsage = errors.New("usage: template init MODULE [NAME [HOLDER]]; see make help")

// run runs one command on the tree at root.
func run(ctx context.Context, root string, args []string, stdout io.Writer) error {
	if len(args) < 2 || len(args) > 4 || args[0] != "init" {
		return errUsage
	}
	args = append(args, "", "")
	return initialize(ctx, root, request{module: args[1], name: args[2], holder: args[3]}, stdout)
}
