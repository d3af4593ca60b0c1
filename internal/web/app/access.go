package app

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/web"
)

// authenticate is the seam for your own access control. It compares digests, so
// that the time taken tells neither a key's length nor its first characters.
func authenticate(keys []string) gin.HandlerFunc {
	digests := make([][sha256.Size]byte, len(keys))
	for i, key := range keys {
		digests[i] = sha256.Sum256([]byte(key))
	}
	return func(c *gin.Context) {
		if len(digests) == 0 {
			SetCaller(c, "")
			return
		}
		scheme, key, _ := strings.Cut(c.GetHeader("Authorization"), " ")
		given, known := sha256.Sum256([]byte(strings.TrimLeft(key, " "))), 0
		for i := range digests {
			known |= subtle.ConstantTimeCompare(given[:], digests[i][:])
		}
		if known == 0 || !strings.EqualFold(scheme, "Bearer") {
			c.Header("WWW-Authenticate", "Bearer")
			_ = c.Error(&web.Problem{Status: http.StatusUnauthorized, Detail: "Send one of the service's keys: Authorization: Bearer KEY."})
			c.Abort()
		}
		SetCaller(c, string(given[:]))
	}
}

// onlyFrom runs the CORS middleware for the given origins. A request of another
// one is served without CORS headers, which browsers then enforce: pages of the
// service itself behind a proxy, and clients that are no browsers, send Origin too.
func onlyFrom(origins []string, cors gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		if slices.Contains(origins, "*") {
			cors(c)
			return
		}
		c.Header("Vary", "Origin") // so that no cache gives one origin another's answer
		if slices.Contains(origins, c.GetHeader("Origin")) {
			cors(c)
		}
	}
}

// allowOrigins allows all headers that the service reads: the request of a page
// that sends another one is not sent.
func allowOrigins(origins []string) gin.HandlerFunc {
	return onlyFrom(origins, cors.New(cors.Config{
		AllowOrigins:  origins,
		AllowMethods:  []string{"GET", "HEAD", "POST", "PATCH", "DELETE"},
		AllowHeaders:  []string{"Authorization", "Cache-Control", "Content-Type", keyHeader, "If-Match", "If-None-Match", "traceparent", "X-Request-ID"},
		ExposeHeaders: []string{"ETag", replayedHeader, "Location", "Retry-After", "X-Request-ID"},
		MaxAge:        time.Hour,
	}))
}
