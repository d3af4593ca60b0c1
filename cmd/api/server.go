package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web/app"
)

const (
	headerTimeout = 10 * time.Second // for a request's headers
	sendTimeout   = 30 * time.Second // for the client to take the answer, after REQUEST_TIMEOUT
	lingerTime    = time.Second      // for keep-alive clients to be told to leave
	abortTime     = 3 * time.Second  // for requests cut off at SHUTDOWN_TIMEOUT to roll back
)

// server is the HTTP server's life: serve until the context ends, then drain.
type server struct {
	cfg      config.Config
	log      *slog.Logger
	state    *app.State
	finish   func(context.Context) error // waits for the work that requests have left behind
	deadline time.Time                   // of the stop, once the listener closes
	open     atomic.Int64                // connections
}

// serve returns nil after a graceful stop.
func (s *server) serve(ctx context.Context, ln *listener, handler http.Handler) error {
	// Requests must outlive ctx: its end only starts the draining.
	requests, abort := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abort(nil)
	srv := &http.Server{
		Handler:           handler,
		BaseContext:       func(net.Listener) context.Context { return requests },
		ConnState:         s.count,
		ReadHeaderTimeout: min(headerTimeout, s.cfg.API.RequestTimeout),
		// When it fires net/http ends the request as if the client had gone: it must
		// not come before the request's own deadline, which bounds the body too.
		ReadTimeout:    headerTimeout + s.cfg.API.RequestTimeout,
		WriteTimeout:   s.cfg.API.RequestTimeout + sendTimeout,
		IdleTimeout:    s.cfg.KeepAliveTimeout,
		MaxHeaderBytes: 64 << 10,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	srv.DisableGeneralOptionsHandler = true // OPTIONS * is answered like all else, with an id, in the log
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
		return s.drain(ctx, srv, func() { ln.finish(failed) }, abort)
	}
}

func (s *server) count(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.open.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.open.Add(-1)
	}
}

// drain stops in the order in which nobody loses anything: load balancers see
// that the server is not ready, new connections are refused, requests in flight
// finish, then the work that they have left behind. What still runs at the
// time-out is rolled back.
func (s *server) drain(ctx context.Context, srv *http.Server, refuse func(), abort context.CancelCauseFunc) error {
	s.log.Info("draining", "delay", s.cfg.ShutdownDelay.String(), "timeout", s.cfg.ShutdownTimeout.String())
	s.state.Drain()
	time.Sleep(s.cfg.ShutdownDelay)

	// The time-out is not ctx's, which has ended: with that it would be zero.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.ShutdownTimeout)
	defer cancel()
	s.deadline, _ = ctx.Deadline()
	refuse()
	// Shutdown cuts idle connections, which may be about to send: they get the
	// time to ask once more and to read Connection: close.
	waitFor(min(lingerTime, s.cfg.ShutdownTimeout/2), func() bool { return s.open.Load() == 0 })
	err := s.endRequests(ctx, srv, abort)
	if err = errors.Join(err, s.finish(ctx)); err == nil {
		s.log.Info("stopped")
	}
	return err
}

// endRequests waits for the requests in flight until ctx ends; then they get the
// time to roll back.
func (s *server) endRequests(ctx context.Context, srv *http.Server, abort context.CancelCauseFunc) error {
	err := srv.Shutdown(ctx)
	if err == nil {
		return nil
	}
	abort(db.ErrShutdown)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTime)
	defer cancel()
	err = errors.Join(err, srv.Shutdown(ctx))
	_ = srv.Close()
	return fmt.Errorf("requests still running after SHUTDOWN_TIMEOUT were rolled back: %w", err)
}
