package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"example.com/transcription-api/internal/handlers"
)

// serveAdmin serves metrics and profiles on ADMIN_ADDR, if that is set, until
// stop is called: longer than the API, so that its draining can be watched.
func (p *program) serveAdmin(ctx context.Context, metrics *handlers.Metrics) (stop func(), err error) {
	if p.cfg.AdminAddr == "" {
		return func() {}, nil
	}
	ln, err := net.Listen("tcp", p.cfg.AdminAddr)
	if err != nil {
		return nil, fmt.Errorf("ADMIN_ADDR: %w", err)
	}
	// No WriteTimeout: a CPU profile is written after as many seconds as were asked for.
	srv := &http.Server{
		Handler:           metrics.Handler(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout,
		IdleTimeout:       p.cfg.KeepAliveTimeout,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("serve ADMIN_ADDR: metrics and profiles are gone until a restart", "error", err)
		}
	}()
	p.log.Info("listening", "admin", "http://"+ln.Addr().String())
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
		<-done
	}, nil
}
