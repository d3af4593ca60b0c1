package handlers

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// hostNames are those that a name server may have: as browsers look them up, and
// with the underscores of internal names.
var hostNames = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.CheckHyphens(false), idna.StrictDomainName(false), idna.VerifyDNSLength(true))

// audioURLFault accepts what a worker can fetch, by the form of the URL alone:
// where the name leads, and whether a worker should go there, is the worker's to
// find out each time, since a name may lead elsewhere tomorrow.
func audioURLFault(text string) string {
	if fault := characterFault(text); fault != "" {
		return fault
	}
	scheme, rest, found := strings.Cut(text, ":")
	scheme = strings.ToLower(scheme)
	if known := slices.Contains([]string{"http", "https", "s3", "gs"}, scheme); !found || strings.ContainsAny(scheme, "/?#.") {
		return "must be an absolute URL: begin with https://, http://, s3:// or gs://"
	} else if !known {
		return "must have the scheme http, https, s3 or gs"
	}
	rest, found = strings.CutPrefix(rest, "//")
	if !found {
		return fmt.Sprintf("must have // after %s:", scheme)
	}
	end := strings.IndexAny(rest+"/", "/?#")
	if fault := authorityFault(scheme, rest[:end]); fault != "" {
		return fault
	}
	if _, err := url.PathUnescape(rest[end:]); err != nil {
		return "must have two hexadecimal digits after each %: write %25 for a % itself"
	}
	if _, err := url.Parse(text); err != nil {
		return "must be a valid URL"
	}
	return ""
}

// characterFault is for what no URL may contain: RFC 3986 has all of it encoded.
func characterFault(text string) string {
	for _, r := range text {
		switch {
		case r == ' ':
			return "must not contain white space: percent-encode a space as %20"
		case unicode.IsSpace(r):
			return fmt.Sprintf("must not contain white space, such as %U", r)
		case unicode.IsControl(r):
			return fmt.Sprintf("must not contain the control character %U", r)
		case invisible(r):
			return fmt.Sprintf("must not contain the invisible character %U", r)
		case r == '\\':
			return "must not contain a backslash: percent-encode it as %5C"
		}
	}
	return ""
}

// authorityFault is for what stands between // and the path.
func authorityFault(scheme, authority string) string {
	bucket := scheme == "s3" || scheme == "gs"
	switch {
	case strings.Contains(authority, "@"):
		return "must not contain a user name or password: everybody who may read the item would read them"
	case bucket && authority == "":
		return fmt.Sprintf("must name a bucket after %s://", scheme)
	case bucket && strings.Trim(authority, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") != "":
		return "must have a bucket of letters, digits, dots, hyphens and underscores"
	case bucket:
		return ""
	}
	host, port, hasPort := cutPort(authority)
	if host == "" {
		return fmt.Sprintf("must name a host after %s://", scheme)
	}
	if fault := portFault(port); hasPort && fault != "" {
		return fault
	}
	return hostFault(host)
}

// cutPort leaves the colons of an address in brackets alone.
func cutPort(authority string) (host, port string, found bool) {
	at := strings.LastIndexByte(authority, ':')
	if at < strings.LastIndexByte(authority, ']') || at < 0 {
		return authority, "", false
	}
	return authority[:at], authority[at+1:], true
}

// portFault takes an empty port, as RFC 3986 does: it is the scheme's own.
func portFault(port string) string {
	if strings.Trim(port, "0123456789") != "" {
		return "must have a port that is a number"
	}
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
		return "must have a port from 1 to 65535"
	}
	return ""
}

func hostFault(host string) string {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || !addr.Is6() || addr.Zone() != "" || !strings.HasSuffix(host, "]") {
			return "must have a valid IPv6 address in the brackets"
		}
		return addressFault(addr)
	}
	if strings.ContainsRune(host, '%') {
		return "must not have a % in the host"
	}
	name, err := hostNames.ToASCII(strings.TrimSuffix(host, "."))
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return "must have a host of letters, digits, dots and hyphens"
	}
	if err != nil {
		return "must have a valid host: its parts have 1 to 63 characters, 253 in all"
	}
	// As in browsers, what ends in a number is meant as an address.
	if last := name[strings.LastIndexByte(name, '.')+1:]; strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x") {
		addr, err := netip.ParseAddr(name)
		if err != nil {
			return "must have a valid IPv4 address, of four numbers up to 255, or a host's name"
		}
		return addressFault(addr)
	}
	return ""
}

// addressFault is for addresses at which nobody can listen.
func addressFault(addr netip.Addr) string {
	if addr = addr.Unmap(); addr.IsUnspecified() || addr.IsMulticast() || addr == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return "must have the address of one host"
	}
	return ""
}
