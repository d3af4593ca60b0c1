package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// readQuery lets parameters override what the URL said before, as libpq does.
func (a *address) readQuery(query string) {
	for pair := range strings.SplitSeq(query, "&") {
		key, val, found := strings.Cut(pair, "=")
		if !found || key == "" || strings.Contains(val, "=") {
			a.problem("has a bad query", "?name=value&name=value, with = and & in a value as %3D and %26")
			continue
		}
		a.override(decode(key), decode(val))
		a.checkParam(decode(key), decode(val))
	}
}

func (a *address) override(key, val string) {
	switch key {
	case "user":
		a.user = val
	case "dbname", "database":
		a.database = val
	case "host":
		a.hosts = strings.Split(val, ",")
	case "port":
		a.ports = strings.Split(val, ",")
	}
}

// checkParam checks what pgx would refuse later, and less clearly. Names that it does not know it passes to the
// server, which has the last word on them.
func (a *address) checkParam(key, val string) {
	var values []string
	switch key {
	case "sslmode":
		values = []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
	case "ssl": // other drivers put sslmode's values here
		values = []string{"true"}
	case "sslnegotiation":
		values = []string{"postgres", "direct"}
	case "target_session_attrs":
		values = []string{"any", "read-write", "read-only", "primary", "standby", "prefer-standby"}
	case "channel_binding":
		values = []string{"disable", "prefer", "require"}
	case "connect_timeout":
		if _, err := strconv.ParseUint(val, 10, 31); err != nil {
			a.problem("has a bad connect_timeout", "whole seconds, 0 or more")
		}
		return
	case "port":
		if slices.ContainsFunc(strings.Split(val, ","), func(p string) bool { return !isPort(p) }) {
			a.problem("has a bad port", portForm)
		}
		return
	default:
		return
	}
	if !slices.Contains(values, val) {
		a.problem("has a bad "+key, strings.Join(values, ", ")+choose(key == "ssl", "; else use sslmode", ""))
	}
}

// check looks at what netloc and parameters come to together.
func (a *address) check() {
	bad := func(host string) bool { return !isHost(host) && !isSocket(host) }
	switch {
	case len(a.hosts) == 0:
		a.problem("names no host", hostForm)
	case slices.ContainsFunc(a.hosts, bad):
		a.problem("has a bad host", hostForm)
	}
	if len(a.ports) > 1 && len(a.ports) != len(a.hosts) {
		a.problem("has not as many ports as hosts", "one port for all hosts, or one for each")
	}
	if a.database == "" {
		a.problem("names no database", urlForm)
	}
}

// isSocket accepts directories of Unix sockets. Several hosts reach pgx as one text with commas between them.
func isSocket(s string) bool { return strings.HasPrefix(s, "/") && !strings.Contains(s, ",") }

// Redacted is the URL for people: user, hosts and database, without password and parameters.
func (d Database) Redacted() string {
	rest, p := cutScheme(d.URL.Reveal())
	if p != nil {
		return d.URL.String()
	}
	a := parseAddress(rest)
	if len(a.problems) > 0 {
		return d.URL.String()
	}
	return a.String()
}

func (a address) String() string {
	u := url.URL{Scheme: "postgres", Path: "/" + a.database, RawPath: "/" + url.PathEscape(a.database)}
	if a.user != "" {
		u.User = url.User(a.user)
	}
	if slices.ContainsFunc(a.hosts, isSocket) {
		dirs := url.URL{Path: strings.Join(a.hosts, ",")}
		u.RawQuery = "host=" + dirs.EscapedPath()
		if len(a.ports) > 0 && a.ports[0] != "" {
			u.RawQuery += "&port=" + strings.Join(a.ports, ",")
		}
		return u.String()
	}
	list := make([]string, len(a.hosts))
	for i, host := range a.hosts {
		list[i] = bracket(host) + a.port(i)
	}
	u.Host = strings.Join(list, ",")
	return u.String()
}

func bracket(host string) string {
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() {
		return "[" + host + "]"
	}
	return host
}

// port is the port of the i-th host with its colon, or "" for the default.
func (a address) port(i int) string {
	if len(a.ports) == 0 {
		return ""
	}
	if p := a.ports[min(i, len(a.ports)-1)]; p != "" {
		return ":" + p
	}
	return ""
}
