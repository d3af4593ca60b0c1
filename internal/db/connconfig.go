package db

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// cacheCapacity is how many statements a connection keeps described; pgx's own
// default.
const cacheCapacity = 512

// timeouts are the server's limits that are meant for requests.
var timeouts = []string{
	"statement_timeout", "lock_timeout", "transaction_timeout",
	"idle_in_transaction_session_timeout", "idle_session_timeout",
}

// parseURL reads the URL for the test of the connection, for the pool and for
// the migrations, so that all of them take and refuse the same. It overrides what
// a URL says about pgx's cache of statements: the test would connect with it, and
// the pool fail at its first statement.
func parseURL(url string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	conn := cfg.ConnConfig
	conn.DefaultQueryExecMode = pgx.QueryExecModeCacheStatement
	conn.StatementCacheCapacity, conn.DescriptionCacheCapacity = cacheCapacity, cacheCapacity
	for _, name := range slices.Collect(maps.Keys(conn.RuntimeParams)) { // to the server they are the same in any case
		if lower := strings.ToLower(name); lower != name {
			conn.RuntimeParams[lower] = conn.RuntimeParams[name]
			delete(conn.RuntimeParams, name)
		}
	}
	return cfg, nil
}

// CheckURL returns ErrURL, with the reason and without the URL, if pgx cannot
// read it, or a file that it names.
func CheckURL(url string) error {
	if _, err := parseURL(url); err != nil {
		return urlError(err)
	}
	return nil
}

// parseWithoutTimeouts reads the URL for work that may take its time.
func parseWithoutTimeouts(url string) (*pgx.ConnConfig, error) {
	cfg, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	params := cfg.ConnConfig.RuntimeParams
	for _, name := range timeouts {
		delete(params, name)
	}
	if options := params["options"]; options != "" {
		params["options"] = withoutOptions(options, timeouts)
	}
	if params["options"] == "" {
		delete(params, "options")
	}
	return cfg.ConnConfig, nil
}

// setDefault sets a parameter unless the URL sets it itself. That may be in the
// URL's options, which PostgreSQL would override by the parameter.
func setDefault(params map[string]string, name, value string) {
	said := func(o option) bool { return o.name == name }
	if params[name] == "" && !slices.ContainsFunc(splitOptions(params["options"]), said) {
		params[name] = value
	}
}

// millis is a time as the server's parameters take it.
func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// An option is one argument of the server's command line, which "options" in a
// URL adds to.
type option struct {
	name string // of the parameter that it sets, or ""
	text string // as it was written
}

// splitOptions splits at white space that no backslash escapes, and reads
// -c name=value, -cname=value and --name=value, as the server does.
func splitOptions(options string) (list []option) {
	words := optionWords(options)
	for i := 0; i < len(words); i++ {
		text := words[i]
		setting, is := strings.CutPrefix(unescape(text), "-c")
		if is && setting == "" && i+1 < len(words) {
			i++
			text, setting = text+" "+words[i], unescape(words[i])
		}
		if !is {
			setting, is = strings.CutPrefix(unescape(text), "--")
		}
		name := ""
		if is {
			name, _, _ = strings.Cut(setting, "=")
			name = strings.ToLower(strings.ReplaceAll(name, "-", "_"))
		}
		list = append(list, option{name, text})
	}
	return list
}

// optionWords keeps the backslashes.
func optionWords(options string) (words []string) {
	const space = " \t\n\v\f\r"
	for options = strings.TrimLeft(options, space); options != ""; options = strings.TrimLeft(options, space) {
		end := 0
		for end < len(options) && !strings.Contains(space, options[end:end+1]) {
			if options[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end, len(options))
		words, options = append(words, options[:end]), options[end:]
	}
	return words
}

// unescape drops each backslash that escapes a character.
func unescape(word string) string {
	var b strings.Builder
	for i := 0; i < len(word); i++ {
		if word[i] == '\\' && i+1 < len(word) {
			i++
		}
		b.WriteByte(word[i])
	}
	return b.String()
}

// withoutOptions drops what sets one of the named parameters.
func withoutOptions(options string, names []string) string {
	var kept []string
	for _, o := range splitOptions(options) {
		if !slices.Contains(names, o.name) {
			kept = append(kept, o.text)
		}
	}
	return strings.Join(kept, " ")
}
