package config

import (
	"cmp"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.com/transcription-api/internal/db"
)

// pgx reads the URL. It is taken apart here for what pgx does not do: it takes the end of a password that is not encoded
// for a host, and prints it; it leaves unknown parameters to the server; and it sees libpq's variables in the
// environment only. No mistake shows a part of the URL, since any piece of such a password may turn up anywhere in it.
var (
	urlScheme = regexp.MustCompile(`^(?i)postgres(ql)?(\+\w+)?://`) // SQLAlchemy names its driver there
	urlParts  = regexp.MustCompile(`^(?:([^@:/?]*)(?::([^@/?]*))?@)?([^@/?]*)(?:/([^@?]*))?(?:\?([^@]*))?$`)
	urlNever  = regexp.MustCompile(`[\x00-\x20\x7f#]|%00`)
	urlHost   = regexp.MustCompile(`^(\[[\w:.%]+\]|(?:[\w%][\w.%-]*)?)(:\d+)?$`)
)

const (
	urlForm    = "postgres://USER:PASSWORD@HOST:5432/DATABASE"
	urlHosts   = "host names, IP addresses (IPv6 in brackets), each with a port from 1 to 65535 or without; or ?host=/path for a Unix socket"
	urlQuery   = "?name=value&name=value, with = and & in a value as %3D and %26"
	urlEscapes = "special characters of the password percent-encoded: @ as %40, / as %2F, ? as %3F, # as %23, % as %25, a space as %20"
)

// databaseURL keeps the text; readURL checks it when all else is read.
func databaseURL(d *db.Options) kind {
	return kind{urlForm, func(text string) string { d.URL = text; return "" }, func() any {
		if d.URL == "" {
			return ""
		}
		return *d
	}}
}

// An address is what the URL says, and what other variables add to it.
type address struct {
	*reader
	said  map[string]bool // by the part before the query: user, password, host, port, database
	query url.Values      // as pgx takes it
}

func (a address) says(param string) bool { return a.said[param] || a.query.Get(param) != "" }

func (r *reader) wrongURL(problem, allowed string) { r.mistake(r.urlOf, problem, allowed) }

// readURL checks the variable's URL and makes of it what pgx takes.
func (r *reader) readURL(variable string, d *db.Options, from *[]string) {
	r.urlOf = variable
	before := len(r.mistakes)
	scheme := urlScheme.FindString(d.URL)
	rest := d.URL[len(scheme):]
	parts := urlParts.FindStringSubmatch(rest)
	_, badEscape := url.PathUnescape(rest)
	switch {
	case d.URL == "":
		r.wrongURL("is not set", urlForm+`; "make run" brings a database of its own`)
		return
	case scheme == "":
		r.wrongURL("does not begin with postgres:// or postgresql://", urlForm)
		return
	case parts == nil || badEscape != nil || urlNever.MatchString(rest):
		r.wrongURL("has a special character in a place where it can be misread", urlEscapes)
		return
	}
	a := address{r, map[string]bool{"user": parts[1] != "", "password": parts[2] != "", "database": parts[4] != ""}, url.Values{}}
	a.readHosts(parts[3])
	base, query, hasQuery := strings.Cut(rest, "?")
	if hasQuery {
		a.readQuery(query)
	}
	a.fillIn(from)
	if parts[1] == "" && strings.Contains(rest, "@") {
		r.wrongURL("names no user before the @", urlForm)
	}
	if !a.says("host") {
		r.wrongURL("names no host", urlHosts)
	}
	if !a.says("database") {
		r.wrongURL("names no database", urlForm)
	}
	a.settle(d, base)
	if err := db.CheckURL(d.URL); err != nil && len(r.mistakes) == before {
		r.wrongURL(strings.TrimPrefix(err.Error(), "DATABASE_URL "), "what docs/database.md lists")
	}
}

// settle takes out of the query what is not pgx's.
func (a address) settle(d *db.Options, base string) {
	d.PgBouncer = d.PgBouncer || a.query.Get("pgbouncer") == "true" // Prisma's way to say it
	a.query.Del("pgbouncer")
	if n, err := strconv.Atoi(a.query.Get("connect_timeout")); err == nil {
		d.ConnectTimeout = time.Duration(n) * time.Second
	}
	d.URL = "postgres://" + base + choose(len(a.query) == 0, "", "?") + strings.ReplaceAll(a.query.Encode(), "+", "%20")
}

func (a address) readHosts(list string) {
	a.said["port"] = strings.Contains(list, ",") // several hosts without a port mean the default one
	for host := range strings.SplitSeq(list, ",") {
		match := urlHost.FindStringSubmatch(host)
		if match == nil || match[1] == "" && strings.Contains(list, ",") {
			a.wrongURL("has a bad host or port", urlHosts)
			match = []string{host, host, ""}
		}
		a.said["host"] = a.said["host"] || match[1] != ""
		a.said["port"] = a.said["port"] || match[2] != ""
	}
}

func (a address) readQuery(query string) {
	for pair := range strings.SplitSeq(query, "&") {
		key, val, found := strings.Cut(pair, "=")
		if !found || key == "" || strings.Contains(val, "=") {
			a.wrongURL("has a bad query", urlQuery)
			return
		}
		key, _ = url.PathUnescape(key) // a + stays: it is no web form
		val, _ = url.PathUnescape(val)
		a.add(a.urlOf, key, val)
	}
}

// add takes a parameter over, under the name that PostgreSQL knows, or says what is wrong with it.
func (a address) add(variable, key, val string) {
	name := strings.ToLower(key)
	if name == "schema" { // Prisma's is one name, as it is
		val = `"` + strings.ReplaceAll(val, `"`, `""`) + `"`
	}
	name = cmp.Or(synonyms[name], name)
	seconds, err := strconv.Atoi(val)
	known, is := parameters[name]
	switch {
	case known.instead != "":
		a.mistake(variable, choose(variable == a.urlOf, "has ", "stands for ")+name+", which is not understood here", known.instead)
	case !is && !strings.Contains(name, "."): // with a dot it is an extension's or the application's
		a.unknown(key)
	case a.query.Has(name):
		a.mistake(variable, "gives "+name+" twice", "one value for each parameter")
	case name == "connect_timeout" && (err != nil || seconds < 1 || seconds > int(maxTime.Seconds())):
		a.mistake(variable, "has a bad connect_timeout", "whole seconds, 1 or more; without it DB_CONNECT_TIMEOUT holds")
	case known.allowed != "" && !among(known.allowed, val):
		a.mistake(variable, "has a bad "+name, known.allowed)
	default:
		a.query.Set(name, choose(known.allowed == "", val, strings.ToLower(val)))
	}
}

// unknown shows the name, except where it may be the rest of a password that was not encoded.
func (a address) unknown(name string) {
	if a.query.Has("password") || a.query.Has("sslpassword") {
		a.wrongURL("has an unknown parameter after password (not shown: it may be a part of it)", urlQuery)
		return
	}
	meant := nearest(strings.ToLower(name), slices.Sorted(maps.Keys(parameters)))
	a.wrongURL("has the unknown parameter "+quote(name), choose(meant == "", "", meant+", if that is meant; ")+
		"parameters of a connection (sslmode, connect_timeout, …), run-time parameters of PostgreSQL (search_path, lock_timeout, …), "+
		"names with a dot; others of the server's as options=-c%20NAME%3DVALUE")
}

// fillIn takes what the URL leaves open from libpq's variables, as psql does, and notes from which.
func (a address) fillIn(from *[]string) {
	for _, param := range strings.Fields(libpq) {
		variable := cmp.Or(libpqOdd[param], "PG"+strings.ToUpper(strings.ReplaceAll(param, "_", "")))
		val := a.get(variable)
		if val == "" || a.says(param) || slices.Contains(libpqHarmless, param+"="+val) {
			continue
		}
		before := len(a.mistakes)
		if a.add(variable, param, val); len(a.mistakes) == before {
			*from = append(*from, variable)
		}
	}
}
