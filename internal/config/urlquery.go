package config

import (
	"net/netip"
	"net/url"
	"slices"
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
		a.readParam(decode(key), decode(val), pair)
	}
	if name := a.params["fallback_application_name"]; name != "" && a.params["application_name"] == "" {
		a.set("application_name", name)
	}
}

// readParam takes one parameter over, or says what is wrong with it.
func (a *address) readParam(key, val, pair string) {
	name := canonical(key)
	if name == "" {
		what, allowed := refusal(key, a.params["password"]+a.params["sslpassword"] != "")
		a.problem("has "+what, allowed)
		return
	}
	if key == "schema" {
		val = quoteIdent(val)
	}
	if _, twice := a.params[name]; twice {
		a.problem("gives "+name+" twice", "one value for each parameter")
	}
	if p, bad := checkValue(name, val); bad {
		a.problem(p.what, p.allowed)
	}
	switch {
	case own[name]:
		a.params[name] = val
	case name == key, key == "dbname":
		a.override(name, val)
		a.query = append(a.query, pair)
	default:
		a.set(name, val)
	}
}

// set adds a parameter, or one in place of another.
func (a *address) set(name, val string) {
	a.override(name, val)
	a.query = append(a.query, name+"="+encode(val))
}

// encode is the opposite of decode, for one part of a URL.
func encode(s string) string {
	return strings.NewReplacer("&", "%26", "=", "%3D", "@", "%40").Replace(url.PathEscape(s))
}

func (a *address) override(key, val string) {
	a.params[key] = val
	switch key {
	case "user":
		a.user = val
	case "database":
		a.database = val
	case "host":
		a.hosts = strings.Split(val, ",")
	case "port":
		a.ports = strings.Split(val, ",")
	case "password":
		a.hasPassword = val != ""
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
	a.check()
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
