// Package config holds every setting of the service: table.go lists them, a line each, kinds.go reads their values,
// url.go checks DATABASE_URL against parameters.txt; package dotenv below it reads .env.
// Nothing here opens a connection or a listener, and nothing else reads the environment.
package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agext/levenshtein"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/web/app"
)

// Environment says where the service runs; several defaults depend on it.
type Environment string

// The environments that ENVIRONMENT may name.
const (
	Dev        Environment = "dev"
	Test       Environment = "test"
	Production Environment = "production"
)

// Config is every setting, checked. It prints without its secrets.
type Config struct {
	Environment Environment
	DB          db.Options
	Replica     db.Options // for reads; without a URL there is none
	URLFrom     []string   // variables that say what DATABASE_URL leaves open, such as PGPASSWORD
	API         app.Settings

	ConnectRetries    int // attempts in all at start-up, the first included
	ConnectRetryDelay time.Duration
	Instances         int // that share the server's connections
	AutoMigrate       bool

	Host             string // empty: all interfaces, IPv4 and IPv6
	Port             int    // 0: any free port
	AdminAddr        string // empty: not served
	KeepAliveTimeout time.Duration
	ShutdownTimeout  time.Duration
	ShutdownDelay    time.Duration
	LogLevel         slog.Level
}

// Addr is where the API listens, in the form that net.Listen takes.
func (c Config) Addr() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// A reader looks variables up and collects what is wrong with them.
type reader struct {
	lookup   func(string) (string, bool)
	urlOf    string // the variable whose URL is being read
	mistakes []error
}

// get returns a value as it is written, or "".
func (r *reader) get(name string) string {
	if text, ok := r.lookup(name); ok {
		return text
	}
	return ""
}

func (r *reader) mistake(name, problem, allowed string) {
	text := fmt.Sprintf("%s: %s; allowed: %s", name, problem, allowed)
	if !slices.ContainsFunc(r.mistakes, func(err error) bool { return err.Error() == text }) { // one of libpq's variables is read for each URL
		r.mistakes = append(r.mistakes, errors.New(text))
	}
}

// Load reads every setting through lookup, or only those that are named and ENVIRONMENT. Its error lists every mistake,
// one to a line, each naming the variable, what is wrong with its value and what is allowed. An empty value counts as
// not set; no secret is ever quoted.
func Load(lookup func(string) (string, bool), only ...string) (Config, error) {
	var c Config
	r := &reader{lookup: lookup}
	r.read(c.table()[0]) // ENVIRONMENT first: other defaults hang on it
	for _, s := range c.table()[1:] {
		if len(only) == 0 || slices.Contains(only, s.name) {
			r.read(s)
		}
	}
	if len(only) == 0 {
		r.together(&c)
	}
	if len(r.mistakes) > 0 {
		return Config{}, errors.Join(r.mistakes...)
	}
	return c, nil
}

func (r *reader) read(s setting) {
	text := strings.TrimSpace(r.get(s.name))
	if text == "" {
		text = s.fallback
	}
	if text == "" {
		return
	}
	if problem := s.read(text); problem != "" {
		r.mistake(s.name, problem, s.allowed)
	}
}

// together checks what a single variable does not show.
func (r *reader) together(c *Config) {
	c.DB.Dev = c.Environment == Dev
	if url := c.Replica.URL; url != "" {
		c.Replica = c.DB
		c.Replica.URL = url
		r.readURL("DATABASE_READ_URL", &c.Replica, new([]string))
	}
	r.readURL("DATABASE_URL", &c.DB, &c.URLFrom)
	if replica := c.Replica; replica.URL != "" {
		c.DB.Replica = &replica
	}
	if c.DB.Echo && c.Environment == Production {
		r.mistake("DB_ECHO", "true is refused in production", "false")
	}
	if text := r.get("API_KEYS"); text != "" && strings.Trim(text, ", \t\r\n") == "" { // it was meant to close the API
		r.mistake("API_KEYS", "holds no key", keysAllowed)
	}
}

// Misspelt says of each name that is no setting, but close to one, which was meant.
func Misspelt(names []string) (mistakes []error) {
	var known []string
	for _, s := range new(Config).table() {
		known = append(known, s.name)
	}
	for _, name := range names {
		if meant := nearest(name, known); meant != "" && meant != name {
			mistakes = append(mistakes, fmt.Errorf("%s: is not a setting of this service, and has no effect; meant: %s", name, meant))
		}
	}
	return mistakes
}

// nearest returns the name that is at most two letters away, or "".
func nearest(name string, known []string) (found string) {
	best := 3
	for _, candidate := range known {
		apart := levenshtein.Distance(name, candidate, nil)
		if apart < best && apart <= len(candidate)/3 {
			found, best = candidate, apart
		}
	}
	return found
}

// LogValue shows every setting under its variable's name, for the log at start, without what is secret.
func (c Config) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, s := range c.table() {
		shown := s.show()
		if shown == never {
			shown = "never"
		} else if text, ok := shown.(fmt.Stringer); ok { // JSON would make nanoseconds of a time
			shown = text.String()
		}
		attrs = append(attrs, slog.Any(s.name, shown))
	}
	return slog.GroupValue(attrs...)
}

// Format keeps secrets out of every verb.
func (c Config) Format(f fmt.State, _ rune) { io.WriteString(f, c.LogValue().String()) }

// MarshalText keeps secrets out of JSON and XML.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.LogValue().String()), nil }
