package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"example.com/transcription-api/internal/handlers"
)

// serveAdmin serves metrics and profiles on ADMIN_ADDR, if that is set, until
// stop is called: longer than the API, so that its draining can be watched.
func (p *program) serveAdmin(metrics *handlers.Metrics) (stop func(), err error) {
	if p.cfg.AdminAddr == "" {
		return func() {}, nil
	}
	ln, err := net.Listen("tcp", p.cfg.AdminAddr)
	if err != nil {
		return nil, fmt.Errorf("ADMIN_ADDR: %w", err)
	}
	srv := &http.Server{Handler: metrics.Handler(), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(ln)
	}()
	p.log.Info("listening", "admin", "http://"+ln.Addr().String())
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
		<-done
	}, nil
}
