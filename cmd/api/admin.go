package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"example.com/transcription-api/internal/web/app"
)

// serveAdmin serves metrics and profiles on ADMIN_ADDR, if that is set, until
// stop is called: longer than the API, so that its draining can be watched.
func (p *program) serveAdmin(ctx context.Context, metrics *app.Metrics) (stop func(), err error) {
	if p.cfg.AdminAddr == "" {
		return func() {}, nil
	}
	ln, err := net.Listen("tcp", p.cfg.AdminAddr)
	if err != nil {
		return nil, fmt.Errorf("ADMIN_ADDR: %w", err)
	}
	// No WriteTimeout: a CPU profile is written after as many seconds as were asked for.
	srv := &http.Server{
		Handler:           guarded(metrics.Handler(), isLoopback(ln)),
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

// guarded refuses what web pages have a browser ask for: a profile costs
// processor time, and a page whose name resolves to loopback could read it.
func guarded(next http.Handler, loopback bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		site := r.Header.Get("Sec-Fetch-Site") // sent by browsers only
		foreign := site != "" && site != "same-origin" && site != "none"
		if foreign || loopback && !app.IsLocal(r.Host) {
			http.Error(w, "ask by address, and not from a web page", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
