package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"example.com/transcription-api/internal/config"
)

// listen takes the port; in its way is mostly a service of one's own.
func listen(cfg config.Config) (net.Listener, error) {
	ln, err := net.Listen("tcp", cfg.Addr())
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%w: end what listens there, or take another port: PORT=%d make run", err, nextPort(cfg.Port))
	}
	return ln, err
}

func nextPort(port int) int {
	if port < 65535 {
		return port + 1
	}
	return 8080
}

// greet says in dev what to do first, in lines to paste.
func greet(w io.Writer, cfg config.Config, addr net.Addr) {
	_, port, _ := net.SplitHostPort(addr.String()) // a listener's address has a port
	url := "http://" + net.JoinHostPort(loopback(cfg.Host), port)
	key := ""
	if len(cfg.API.APIKeys) > 0 {
		key = ` -H "Authorization: Bearer $API_KEY"` // the keys are secret
	}
	fmt.Fprintf(w, "\n  read and try the API: %s/docs\n  curl %s/items%s -H 'Content-Type: application/json' -d '%s'\n\n",
		url, url, key, `{"title":"Interview","audio_url":"https://example.com/a.wav"}`)
}
