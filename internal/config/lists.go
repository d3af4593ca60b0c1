package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

func (r *reader) host(name, def string) string {
	return value(r, name, def, "an IP address or a host name; 0.0.0.0 or :: for all interfaces", func(s string) (string, string) {
		if !isHost(s) {
			return "", "is neither"
		}
		return s, ""
	})
}

func (r *reader) addr(name string) string {
	return value(r, name, "", "host:port, such as 127.0.0.1:9090; port 0 to 65535", func(s string) (string, string) {
		host, port, err := net.SplitHostPort(s)
		if err != nil || host != "" && !isHost(host) {
			return "", "is not host:port"
		}
		if _, err := strconv.ParseUint(port, 10, 16); err != nil {
			return "", "has a bad port"
		}
		return s, ""
	})
}

// isHost accepts IP addresses, zones included, and host names.
func isHost(s string) bool {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Zone() == "" || isName(addr.Zone())
	}
	return isName(s)
}

// isName accepts what DNS does, and the underscore, which is common among containers.
func isName(s string) bool {
	const chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	return s != "" && strings.Trim(s, chars) == "" && s[0] != '-' && s[0] != '.'
}

// entries splits at commas; empty entries are dropped.
func entries(s string) []string {
	var list []string
	for e := range strings.SplitSeq(s, ",") {
		if e = strings.TrimSpace(e); e != "" {
			list = append(list, e)
		}
	}
	return list
}

// keys reads secrets: a mistake names the entry's place, never its text. They travel in a header, hence the
// alphabet. A value of commas or white space only is refused, for it would leave the API open where it was meant to be
// closed, and so is a reference that nobody has expanded, for it can be guessed.
func (r *reader) keys(name string) []Secret {
	const allowed = "comma-separated keys of visible ASCII characters"
	var keys []Secret
	s, set := r.lookup(name)
	if !set {
		return nil
	}
	for i, key := range entries(s) {
		switch {
		case strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }):
			r.mistake(name, fmt.Sprintf("key %d has a space, a control or a non-ASCII character", i+1), allowed)
		case unexpanded(key):
			r.mistake(name, fmt.Sprintf("key %d is a reference to a variable that nothing has expanded", i+1), allowed)
		}
		keys = append(keys, Secret(key))
	}
	if s != "" && len(keys) == 0 {
		r.mistake(name, "holds no key", allowed)
	}
	return keys
}

// unexpanded knows ${NAME} and Kubernetes' and make's $(NAME).
func unexpanded(s string) bool {
	return strings.HasPrefix(s, "${") && strings.HasSuffix(s, "}") || strings.HasPrefix(s, "$(") && strings.HasSuffix(s, ")")
}

// list reads comma-separated values; every bad one is a mistake of its own.
func (r *reader) list(name, allowed string, parse func(string) (string, string)) []string {
	var list []string
	for _, entry := range entries(r.get(name)) {
		v, problem := parse(entry)
		if problem != "" {
			r.mistake(name, quote(entry)+" "+problem, allowed)
		}
		list = append(list, v)
	}
	return list
}

func (r *reader) origins(name string) []string {
	const allowed = "comma-separated origins such as https://app.example.com or http://localhost:3000, without path; or * alone"
	list := r.list(name, allowed, origin)
	for _, o := range list {
		if o == "*" && len(list) > 1 {
			r.mistake(name, "* stands beside other entries", allowed)
			break
		}
	}
	return list
}

// origin brings an origin into the form in which browsers send it, since it is compared as text.
func origin(s string) (normal, problem string) {
	if s == "*" {
		return s, ""
	}
	u, err := url.Parse(s)
	if err != nil || !isHost(u.Hostname()) || u.Scheme != "http" && u.Scheme != "https" {
		return "", "is not an http or https origin"
	}
	normal = strings.ToLower(u.Scheme + "://" + u.Host)
	if !strings.EqualFold(s, normal) {
		return "", "has more than scheme, host and port"
	}
	if strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()) {
		return "", "has a bad port"
	}
	normal = strings.TrimSuffix(normal, choose(u.Scheme == "http", ":80", ":443"))
	return normal, ""
}

// isPort accepts ports that can be connected to.
func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

func (r *reader) proxies(name string) []string {
	return r.list(name, "comma-separated IP addresses and networks, such as 10.0.0.0/8", func(s string) (string, string) {
		if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
			return s, ""
		}
		if _, err := netip.ParsePrefix(s); err == nil {
			return s, ""
		}
		return "", "is neither an IP address nor a network"
	})
}
