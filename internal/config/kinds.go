package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A kind reads a value to where it goes, or says what is wrong with it; and shows what is there.
type kind struct {
	allowed string
	read    func(text string) (problem string)
	show    func() any
}

// value makes a kind of a parser that says what is wrong with a text, or "". It is no kind for secrets.
func value[T any](to *T, allowed string, parse func(string) (T, string)) kind {
	read := func(text string) (problem string) {
		if *to, problem = parse(text); problem != "" {
			problem = quote(text) + " " + problem
		}
		return problem
	}
	return kind{allowed, read, func() any { return *to }}
}

// quote shows a value on one line and not at full length. One with an @ stays hidden: it may be a URL with a password
// that went into the wrong variable.
func quote(s string) string {
	const limit = 60 // characters
	if strings.Contains(s, "@") {
		return "the value (hidden, for it has an @)"
	}
	if chars := []rune(s); len(chars) > limit {
		s = string(chars[:limit]) + "…"
	}
	return strconv.Quote(s)
}

// among reports whether a value is one of "a, b or c", in any case.
func among(allowed, s string) bool {
	return slices.Contains(separator.Split(allowed, -1), strings.ToLower(s))
}

var separator = regexp.MustCompile(`, | or `)

func word[T ~string](to *T, allowed string) kind {
	return value(to, allowed, func(s string) (T, string) {
		return T(strings.ToLower(s)), choose(among(allowed, s), "", "is unknown")
	})
}

func level(to *slog.Level) kind {
	const allowed = "debug, info, warn or error"
	return value(to, allowed, func(s string) (l slog.Level, problem string) {
		_ = l.UnmarshalText([]byte(s)) // which knows more
		return l, choose(among(allowed, s), "", "is unknown")
	})
}

func boolean(to *bool) kind {
	return value(to, "true or false (also 1/0, yes/no, on/off)", func(s string) (bool, string) {
		yes := among("true, 1, yes, on", s)
		return yes, choose(yes || among("false, 0, no, off", s), "", "is neither true nor false")
	})
}

func whole[T int | int64](to *T, least, most T) kind {
	return value(to, fmt.Sprintf("a whole number from %d to %d", least, most), func(s string) (T, string) {
		n, err := strconv.ParseInt(s, 10, 64)
		switch {
		case err != nil && n == 0: // beyond its range it is the largest one
			return 0, "is not a whole number"
		case T(n) < least || T(n) > most:
			return 0, "is out of range"
		}
		return T(n), ""
	})
}

// seconds is a time, written as a number of seconds or as a Go duration; from never on it may be the number -1 as well.
// PostgreSQL's own are rounded up to what it counts: a smaller one would reach it as 0, which is off.
func seconds(to *time.Duration, least, most time.Duration) kind {
	from := map[time.Duration]string{never: "-1 (never) or more than 0, at most", 0: "0 to", 1: "more than 0, at most"}[least]
	if least == 0 && most == maxServerTime {
		from = "0 (off) to"
	}
	allowed := from + " " + strconv.FormatFloat(most.Seconds(), 'f', -1, 64) + " seconds, written 30, 0.5 or 30s"
	return value(to, allowed, func(s string) (time.Duration, string) {
		if s == "-1" && least == never {
			return never, ""
		}
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			s += "s"
		}
		d, err := time.ParseDuration(s)
		switch {
		case err != nil:
			return 0, "is not a number of seconds"
		case d < least || d > most || d <= 0 && least == never:
			return 0, "is out of range"
		case most == maxServerTime:
			return (d + time.Millisecond - 1).Truncate(time.Millisecond), ""
		}
		return d, ""
	})
}

// hostName accepts what DNS does, and the underscore, which is common among containers.
var hostName = regexp.MustCompile(`^\w[\w.-]*$`)

func isHost(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil || hostName.MatchString(s)
}

func host(to *string) kind {
	return value(to, "an IP address or a host name; 0.0.0.0 or :: for all interfaces", func(s string) (string, string) {
		return s, choose(isHost(s), "", "is neither")
	})
}

func hostPort(to *string) kind {
	return value(to, "host:port, such as 127.0.0.1:9090; port 0 to 65535", func(s string) (string, string) {
		host, port, err := net.SplitHostPort(s)
		if err != nil || host != "" && !isHost(host) {
			return "", "is not host:port"
		}
		return s, choose(isPort(port, 0), "", "has a bad port")
	})
}

func isPort(s string, least uint64) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n >= least
}

// list is comma-separated values; every bad one is told, but of secrets only its place.
func list(to *[]string, allowed string, secret bool, parse func(string) (string, string)) kind {
	read := func(text string) string {
		var problems []string
		*to = nil
		for i, entry := range entries(text) {
			v, problem := parse(entry)
			if problem != "" {
				problems = append(problems, choose(secret, "entry "+strconv.Itoa(i+1), quote(entry))+" "+problem)
			}
			*to = append(*to, v)
		}
		if slices.Contains(*to, "*") && len(*to) > 1 && !secret {
			problems = append(problems, "* stands beside other entries")
		}
		return strings.Join(problems, ", ")
	}
	return kind{allowed, read, func() any { return choose(secret, slices.Repeat([]string{"[secret]"}, len(*to)), *to) }}
}

// entries splits at commas; empty entries are dropped.
func entries(s string) (list []string) {
	for e := range strings.SplitSeq(s, ",") {
		if e = strings.TrimSpace(e); e != "" {
			list = append(list, e)
		}
	}
	return list
}

// key travels in a header, hence the alphabet. A reference that nobody has expanded, ${NAME} or Kubernetes' and make's
// $(NAME), can be guessed.
func key(s string) (string, string) {
	switch {
	case strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' }):
		return s, "has a space, a control or a non-ASCII character"
	case unexpanded.MatchString(s):
		return s, "is a reference to a variable that nothing has expanded"
	}
	return s, ""
}

var unexpanded = regexp.MustCompile(`^\$(\{.*\}|\(.*\))$`)

// origin brings an origin into the form in which browsers send it, since it is compared as text.
func origin(s string) (normal, problem string) {
	u, err := url.Parse(s)
	switch {
	case s == "*":
		return s, ""
	case err != nil || !isHost(u.Hostname()) || u.Scheme != "http" && u.Scheme != "https":
		return "", "is not an http or https origin"
	case !strings.EqualFold(s, u.Scheme+"://"+u.Host):
		return "", "has more than scheme, host and port"
	case strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port(), 1):
		return "", "has a bad port"
	}
	return strings.TrimSuffix(strings.ToLower(s), choose(u.Scheme == "http", ":80", ":443")), ""
}

func proxy(s string) (string, string) {
	addr, notAddr := netip.ParseAddr(s)
	_, notNetwork := netip.ParsePrefix(s)
	return s, choose(notAddr == nil && addr.Zone() == "" || notNetwork == nil, "", "is neither an IP address nor a network")
}
