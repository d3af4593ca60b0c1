package app

import (
	"context"
	"regexp"
	"strings"

	"github.com/gin-gonic/gin"
)

type traceIDKey struct{}

// traceparent is W3C Trace Context's header: version, trace id, parent id,
// flags, and what later versions may add.
var traceparent = regexp.MustCompile(`^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$`)

// takeTrace keeps the caller's trace id for the log, so that it can be searched
// by it. It makes no spans: see OpenTelemetry for that.
func takeTrace(c *gin.Context) {
	if id := parseTraceparent(c.Request.Header.Values("traceparent")); id != "" {
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), traceIDKey{}, id))
	}
}

// parseTraceparent returns the trace id, or nothing if the header is there
// twice or malformed. The specification calls some well-formed ones invalid:
// zero ids, version ff, and anything after version 00's flags.
func parseTraceparent(values []string) string {
	if len(values) != 1 {
		return ""
	}
	match := traceparent.FindStringSubmatch(values[0])
	if match == nil {
		return ""
	}
	version, id, parent, rest := match[1], match[2], match[3], match[4]
	if version == "ff" || version == "00" && rest != "" || strings.Trim(id, "0") == "" || strings.Trim(parent, "0") == "" {
		return ""
	}
	return id
}

func traceID(ctx context.Context) string {
	id, _ := ctx.Value(traceIDKey{}).(string)
	return id
}
