package handlers

import (
	"context"
	"regexp"

	"github.com/gin-gonic/gin"
)

type traceIDKey struct{}

// traceparent is W3C Trace Context's header, any version.
var traceparent = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$`)

// takeTrace keeps the caller's trace id for the log, which so can be searched
// by it. It makes no spans: see OpenTelemetry for that.
func takeTrace(c *gin.Context) {
	if match := traceparent.FindStringSubmatch(c.GetHeader("traceparent")); match != nil {
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), traceIDKey{}, match[1]))
	}
}

func traceID(ctx context.Context) string {
	id, _ := ctx.Value(traceIDKey{}).(string)
	return id
}
