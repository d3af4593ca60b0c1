package app

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/web"
)

// refuseStrangeNames keeps a web page whose own name leads to this machine (DNS
// rebinding) from reading and writing as if it were of the same origin: to the
// browser it is. A service that others reach is known by names that only its
// proxy knows, so it is for servers on loopback.
func refuseStrangeNames(own string) gin.HandlerFunc {
	return func(c *gin.Context) {
		name := hostname(c.Request.Host) // none: HTTP/1.0, no browser
		// Nobody can register a name without a dot; containers have such.
		if !strings.Contains(name, ".") || IsLocal(c.Request.Host) || strings.EqualFold(name, own) {
			return
		}
		_ = c.Error(&web.Problem{
			Status: http.StatusMisdirectedRequest,
			Detail: "This server listens on loopback, and answers only to addresses, localhost, names without a dot and the one in HOST: the request's Host is another.",
		})
		c.Abort()
	}
}

// IsLocal tells of an address or localhost, which no name server has a say in.
func IsLocal(hostport string) bool {
	host := strings.ToLower(hostname(hostport))
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func hostname(hostport string) string {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	return strings.TrimSuffix(host, ".")
}

// plainForwarded makes of all X-Forwarded-For lines one of addresses alone, as
// Gin reads it: it would take the first line, which may be the client's own, and
// no address with a port, as Azure's gateways write it.
func plainForwarded(c *gin.Context) {
	lines := c.Request.Header["X-Forwarded-For"]
	if len(lines) == 0 {
		return
	}
	hops := strings.Split(strings.Join(lines, ","), ",")
	for i, hop := range hops {
		hop = strings.TrimSpace(hop)
		if at, err := netip.ParseAddrPort(hop); err == nil {
			hop = at.Addr().String()
		} else if at, err := netip.ParseAddr(strings.Trim(hop, "[]")); err == nil {
			hop = at.String()
		}
		hops[i] = hop
	}
	c.Request.Header["X-Forwarded-For"] = []string{strings.Join(hops, ",")}
}
