package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"
)

// A reader looks variables up and collects what is wrong with them.
type reader struct {
	lookup   func(string) (string, bool)
	mistakes []error
}

func (r *reader) get(name string) string {
	s, ok := r.lookup(name)
	if !ok {
		return ""
	}
	return strings.TrimSpace(s)
}

func (r *reader) mistake(name, problem, allowed string) {
	r.mistakes = append(r.mistakes, fmt.Errorf("%s: %s; allowed: %s", name, problem, allowed))
}

// value reads one variable that is not a secret. parse says what is wrong with the text, or "".
func value[T any](r *reader, name string, def T, allowed string, parse func(string) (T, string)) T {
	s := r.get(name)
	if s == "" {
		return def
	}
	v, problem := parse(s)
	if problem != "" {
		r.mistake(name, quote(s)+" "+problem, allowed)
		return def
	}
	return v
}

// quote shows a value on one line and not at full length. One with an @ stays hidden: it may be a URL with a
// password that went into the wrong variable.
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

func (r *reader) environment(name string, def Environment) Environment {
	return value(r, name, def, "dev, test or production", func(s string) (Environment, string) {
		switch e := Environment(strings.ToLower(s)); e {
		case Dev, Test, Production:
			return e, ""
		}
		return "", "is unknown"
	})
}

func (r *reader) level(name string, def slog.Level) slog.Level {
	return value(r, name, def, "debug, info, warn or error", func(s string) (slog.Level, string) {
		switch strings.ToLower(s) {
		case "debug":
			return slog.LevelDebug, ""
		case "info":
			return slog.LevelInfo, ""
		case "warn":
			return slog.LevelWarn, ""
		case "error":
			return slog.LevelError, ""
		}
		return 0, "is unknown"
	})
}

// oneOf reads one of two words; the first is the default.
func (r *reader) oneOf(name, def, other string) string {
	return value(r, name, def, def+" or "+other, func(s string) (string, string) {
		s = strings.ToLower(s)
		if s != def && s != other {
			return "", "is unknown"
		}
		return s, ""
	})
}

func (r *reader) boolean(name string, def bool) bool {
	return value(r, name, def, "true or false (also 1/0, yes/no, on/off)", func(s string) (bool, string) {
		switch strings.ToLower(s) {
		case "true", "1", "yes", "on":
			return true, ""
		case "false", "0", "no", "off":
			return false, ""
		}
		return false, "is neither true nor false"
	})
}

func (r *reader) whole(name string, def, least, most int) int {
	allowed := fmt.Sprintf("a whole number from %d to %d", least, most)
	return value(r, name, def, allowed, func(s string) (int, string) {
		n, err := strconv.Atoi(s)
		switch {
		case err != nil && !errors.Is(err, strconv.ErrRange):
			return 0, "is not a whole number"
		case err != nil || n < least || n > most:
			return 0, "is out of range"
		}
		return n, ""
	})
}

// How time may be written, and how much of it: some thirty years, so that sums of two never overflow.
const (
	timeForms  = " seconds, written 30, 0.5 or 30s"
	maxSeconds = 1_000_000_000
	maxTime    = maxSeconds * time.Second
)

// seconds reads a time of 0 or more.
func (r *reader) seconds(name string, def time.Duration) time.Duration {
	return value(r, name, def, fmt.Sprintf("0 to %d%s", maxSeconds, timeForms), within(0, maxTime))
}

// positive reads a time for which 0 would make no sense.
func (r *reader) positive(name string, def time.Duration) time.Duration {
	return value(r, name, def, fmt.Sprintf("more than 0, at most %d%s", maxSeconds, timeForms), within(1, maxTime))
}

// recycle reads a time of more than 0, or the number -1 for never.
func (r *reader) recycle(name string, def time.Duration) time.Duration {
	allowed := fmt.Sprintf("-1 (never) or more than 0, at most %d%s", maxSeconds, timeForms)
	return value(r, name, def, allowed, func(s string) (time.Duration, string) {
		if s == "-1" {
			return -1, ""
		}
		return within(1, maxTime)(s)
	})
}

// server reads a time-out that PostgreSQL keeps, as a 32-bit count of milliseconds. It is rounded up: a smaller
// one would reach the server as 0, which is off.
func (r *reader) server(name string, def time.Duration) time.Duration {
	allowed := fmt.Sprintf("0 (off) to %.3f%s", serverLimit.Seconds(), timeForms)
	return wholeMillis(value(r, name, def, allowed, within(0, serverLimit)))
}

// serverPositive is server for a time-out that is never off.
func (r *reader) serverPositive(name string, def time.Duration) time.Duration {
	allowed := fmt.Sprintf("more than 0, at most %.3f%s", serverLimit.Seconds(), timeForms)
	return wholeMillis(value(r, name, def, allowed, within(1, serverLimit)))
}

const serverLimit = math.MaxInt32 * time.Millisecond

func wholeMillis(d time.Duration) time.Duration {
	return (d + time.Millisecond - 1).Truncate(time.Millisecond)
}

// within parses a time from least to most.
func within(least, most time.Duration) func(string) (time.Duration, string) {
	return func(s string) (time.Duration, string) {
		d, ok := parseSeconds(s)
		switch {
		case !ok:
			return 0, "is not a number of seconds"
		case d < least || d > most:
			return 0, "is out of range"
		}
		return d, ""
	}
}

// parseSeconds reads a plain number of seconds or a Go duration. More than a Duration can hold becomes the
// largest one, and more than nothing at least a nanosecond, since 0 often means off.
func parseSeconds(s string) (d time.Duration, ok bool) {
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		d, err = time.ParseDuration(s)
		return d, err == nil
	case math.IsNaN(f), math.IsInf(f, 0) && err == nil: // "NaN" and "Inf", written out
		return 0, false
	case f > maxSeconds:
		return math.MaxInt64, true
	case f < 0:
		return -1, true // how far below 0 makes no difference
	case f > 0 && f < 1e-9:
		return 1, true
	}
	return time.Duration(math.Round(f * 1e9)), true
}
