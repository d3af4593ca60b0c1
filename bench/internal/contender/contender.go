package contender

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// The contenders beside the service.
const (
	Floor    = "floor"    // by hand, with BEGIN and COMMIT
	Bare     = "bare"     // by hand, without a transaction
	Template = "template" // Gin, GORM and its pool, as one begins
)

// New makes a contender on the service's database. stop closes its pool.
func New(ctx context.Context, name, url string, accessLog io.Writer) (handler http.Handler, stop func(), err error) {
	switch name {
	case Floor, Bare:
		return NewFloor(ctx, url, name == Floor)
	case Template:
		return NewTemplate(url, accessLog)
	}
	return nil, nil, fmt.Errorf("no such contender: %q", name)
}

// Serve serves a contender at an address until ctx ends.
func Serve(ctx context.Context, name, url, address string, accessLog io.Writer) error {
	handler, stop, err := New(ctx, name, url, accessLog)
	if err != nil {
		return err
	}
	defer stop()
	server := &http.Server{Addr: address, Handler: handler}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return errors.Join(server.Close(), ignoreClosed(<-failed))
	}
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
