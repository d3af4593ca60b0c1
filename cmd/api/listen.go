package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/openapi"
)

// listen takes the port; in its way is mostly a service of one's own.
func listen(cfg config.Config) (net.Listener, error) {
	ln, err := net.Listen("tcp", cfg.Addr())
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%w: end what listens there, or take another port: PORT=%d make run", err, nextPort(cfg.Port))
	}
	return ln, err
}

func isLoopback(ln net.Listener) bool {
	addr, ok := ln.Addr().(*net.TCPAddr)
	return ok && addr.IP.IsLoopback()
}

func nextPort(port int) int {
	if port < 65535 {
		return port + 1
	}
	return 8080
}

// greet says in dev what to do first, in lines to paste: the document knows a
// request that creates something.
func greet(w io.Writer, cfg config.Config, addr net.Addr, api http.Handler, inspect bool) {
	_, port, _ := net.SplitHostPort(addr.String()) // a listener's address has a port
	url := "http://" + net.JoinHostPort(loopback(cfg.Host), port)
	fmt.Fprintf(w, "\n  read and try the API: %s/docs\n", url)
	if inspect {
		fmt.Fprintf(w, "  see the statements of the last requests: %s/dev/requests\n", url)
	}
	var document []byte
	if documented, ok := api.(app.Documented); ok {
		document = documented.Document()
	}
	if path, body, ok := openapi.Sample(document); ok {
		key := ""
		if len(cfg.API.APIKeys) > 0 {
			key = ` -H "Authorization: Bearer $API_KEY"` // the keys are secret
		}
		fmt.Fprintf(w, "  curl %s%s%s -H 'Content-Type: application/json' -d '%s'\n", url, path, key, body)
	}
	fmt.Fprintln(w)
}
