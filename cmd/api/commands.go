package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"
)

// Set at build time by -ldflags, see the Makefile.
var (
	version = "dev"
	commit  = ""
)

func (p *program) version(context.Context, []string) error {
	fmt.Fprintf(p.stdout, "api %s, commit %s, %s\n", version, revision(), runtime.Version())
	return nil
}

// revision falls back on what the Go tool has stamped into the binary.
func revision() string {
	if commit != "" {
		return commit
	}
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return "unknown"
}

// health asks the server on this machine whether it is ready.
func (p *program) health(ctx context.Context, _ []string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	url := "http://" + net.JoinHostPort(loopback(p.cfg.Host), strconv.Itoa(p.cfg.Port)) + "/health/ready"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// No HTTP_PROXY, which knows nothing of this machine's addresses.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	defer response.Body.Close()
	fmt.Fprintln(p.stdout, response.Status)
	if response.StatusCode != http.StatusOK {
		return errSilent
	}
	return nil
}

// loopback is where a server that listens on host is reached from here: a
// number, since an image without /etc/hosts does not know the name localhost.
func loopback(host string) string {
	if addr, err := netip.ParseAddr(host); host == "" || err == nil && addr.IsUnspecified() {
		return "127.0.0.1"
	}
	return host
}
