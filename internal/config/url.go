package config

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

const (
	urlForm    = "postgres://USER:PASSWORD@HOST:5432/DATABASE"
	urlMissing = urlForm + `; "make run" brings a database of its own`
	hostForm   = "host names, IP addresses (IPv6 in brackets), or ?host=/path for a Unix socket"
	portForm   = "1 to 65535"
	urlEscapes = "special characters of the password percent-encoded: @ as %40, / as %2F, ? as %3F, # as %23, % as %25, a space as %20"
)

// An address is what a database URL says, decoded and without its secrets.
type address struct {
	user, database string
	hosts, ports   []string // no port or one for all or as many as hosts; an empty one is the default
	hasPassword    bool
	params         map[string]string // the query's, under their canonical names
	base           string            // what stands before the query, encoded
	query          []string          // name=value, encoded, as pgx and the server get them
	problems       []problem
	unreadable     bool
}

// A problem of a URL. Neither part ever quotes the URL: where a password was not encoded, any piece of it may
// turn up as a host, a port or a parameter.
type problem struct{ what, allowed string }

// address reads the database's URL, and what it leaves open from PostgreSQL's own variables.
func (r *reader) address(name string) (a address, from []string) {
	s := r.get(name)
	if s == "" {
		r.mistake(name, "is not set", urlMissing)
		return a, nil
	}
	rest, p := cutScheme(s)
	if p != nil {
		r.mistake(name, p.what, p.allowed)
		return a, nil
	}
	a = parseAddress(rest)
	if !a.unreadable {
		from = r.fillIn(&a)
		a.check()
	}
	for _, p := range a.problems {
		r.mistake(name, p.what, p.allowed)
	}
	return a, from
}

// url is what pgx gets.
func (a address) url() Secret {
	query := strings.Join(a.query, "&")
	return Secret("postgres://" + a.base + choose(query == "", "", "?") + query)
}

// cutScheme drops postgres:// and postgresql://, with or without a driver such as SQLAlchemy's +psycopg2.
func cutScheme(s string) (rest string, p *problem) {
	scheme, rest, found := strings.Cut(s, "://")
	dialect, _, _ := strings.Cut(strings.ToLower(scheme), "+")
	if !found || dialect != "postgres" && dialect != "postgresql" {
		return "", &problem{"does not begin with postgres:// or postgresql://", urlForm}
	}
	return rest, nil
}

// parseAddress reads what follows the scheme the way pgx and libpq do, but accepts only what can be read in one
// way: they would take the end of an unencoded password for a host, and print it.
func parseAddress(rest string) (a address) {
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	authority, tail := rest[:end], rest[end:]
	if !unambiguous(rest) || strings.Contains(tail, "@") {
		a.unreadable = true
		a.problem("has a special character in a place where it can be misread", urlEscapes)
		return a
	}
	if user, hosts, found := strings.Cut(authority, "@"); found {
		a.readUser(user)
		authority = hosts
	}
	path, query, hasQuery := strings.Cut(tail, "?")
	a.base, a.params = rest[:end]+path, map[string]string{}
	a.readHosts(authority)
	a.readPath(path)
	if hasQuery {
		a.readQuery(query)
	}
	return a
}

// unambiguous wants at most one @, every escape whole, and nothing that is never legal in a URL.
func unambiguous(rest string) bool {
	decoded, err := url.PathUnescape(rest)
	illegal := func(c rune) bool { return c <= ' ' || c == 0x7f || c == '#' }
	return err == nil && !strings.Contains(decoded, "\x00") &&
		strings.Count(rest, "@") <= 1 && !strings.ContainsFunc(rest, illegal)
}

// decode undoes escapes, which unambiguous has found whole. A + stays: PostgreSQL's URLs are not web forms.
func decode(s string) string {
	s, _ = url.PathUnescape(s)
	return s
}

// problem adds one, once: with several hosts the same may be said of each.
func (a *address) problem(what, allowed string) {
	if p := (problem{what, allowed}); !slices.Contains(a.problems, p) {
		a.problems = append(a.problems, p)
	}
}

func (a *address) readUser(info string) {
	user, password, _ := strings.Cut(info, ":")
	a.user, a.hasPassword = decode(user), password != ""
	if a.user == "" {
		a.problem("names no user before the @", urlForm)
	}
}

func (a *address) readHosts(list string) {
	if list == "" {
		return
	}
	for hostport := range strings.SplitSeq(list, ",") {
		host, port, found := cutPort(hostport)
		if found && !isPort(port) {
			a.problem("has a bad port", portForm)
		}
		a.hosts, a.ports = append(a.hosts, host), append(a.ports, port)
	}
}

// cutPort splits at the colon that is not in an IPv6 address. What is wrong with brackets stays in the host, where
// it is found.
func cutPort(s string) (host, port string, found bool) {
	inner, after, closed := strings.Cut(strings.TrimPrefix(s, "["), "]")
	if !closed || s[0] != '[' || after != "" && after[0] != ':' {
		host, port, found = strings.Cut(s, ":")
		return decode(host), port, found
	}
	if addr, err := netip.ParseAddr(decode(inner)); err != nil || !addr.Is6() {
		return s, "", false
	}
	return decode(inner), strings.TrimPrefix(after, ":"), after != ""
}

func (a *address) readPath(path string) {
	name := strings.TrimPrefix(path, "/")
	a.database = decode(name)
	if strings.Contains(name, "/") {
		a.problem("has more than one / after the host", "/ in the database's name as %2F")
	}
}
