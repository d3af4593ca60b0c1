package app

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/web"
)

// refuseForeign keeps web pages of other origins than the service's own and
// those of CORS from changing anything. CORS alone does not: a browser sends a
// page's simple requests, and keeps just the answer from it. Clients that are no
// browsers send neither Origin nor Sec-Fetch-Site, and notice nothing.
func refuseForeign(origins []string) (gin.HandlerFunc, error) {
	if slices.Contains(origins, "*") {
		return func(*gin.Context) {}, nil
	}
	protection := http.NewCrossOriginProtection()
	for _, origin := range origins {
		if err := protection.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("trust origin %s: %w", origin, err)
		}
	}
	return func(c *gin.Context) {
		if err := protection.Check(c.Request); err != nil {
			_ = c.Error(&web.Problem{Status: http.StatusForbidden, Detail: "A web page of another origin may change nothing here, unless CORS_ALLOWED_ORIGINS names it.", Cause: err})
			c.Abort()
		}
	}, nil
}

// refuseCutPaths: an encoded slash is part of a segment, and no id has one. To
// Gin, which routes what is decoded, /notes%2F1 would be /notes/1, past a
// proxy's rules for /notes/.
func refuseCutPaths(c *gin.Context) {
	if strings.Contains(strings.ToLower(c.Request.URL.RawPath), "%2f") {
		web.NotFound(c)
		c.Abort()
	}
}
