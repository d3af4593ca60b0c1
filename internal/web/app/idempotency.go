package app

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/web"
)

const (
	keyHeader      = web.IdempotencyKey
	replayedHeader = web.IdempotentReplayed
)

const (
	callerKey   = "caller"          // who sends the request: see SetCaller
	keyedKey    = "idempotency_key" // true if the request came with a key
	replayedKey = "replayed"        // true if an earlier answer was sent, for the access log
)

// defaultTTL is for Options without IdempotencyTTL.
const defaultTTL = 24 * time.Hour

// keyPattern has a group for a key in quotes and one for a bare key: both forms of
// one text are the same key. The table's constraint has the same length.
var keyPattern = regexp.MustCompile(web.IdempotencyKeyPattern)

var unquote = strings.NewReplacer(`\"`, `"`, `\\`, `\`)

// idempotency makes a route of the session's group carry out at most once what
// comes several times with the same Idempotency-Key. The key is taken and the
// answer stored in the request's own transaction, so that they are committed
// together with what the handler does, or not at all: after an error the key is
// free again. Without the header it does nothing.
func idempotency(ttl time.Duration) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := serveOnce(c, ttl); err != nil {
			_ = c.Error(err)
			c.Abort()
		}
	}
}

// serveOnce reads the body before its first statement: a slow client holds no
// connection.
func serveOnce(c *gin.Context, ttl time.Duration) error {
	key, err := parseKey(c.Request.Header.Values(keyHeader))
	if err != nil || key == "" {
		return err
	}
	c.Set(keyedKey, true)
	body, err := web.ReadAll(c)
	if err != nil {
		return err
	}
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
	claim := newClaim(c, key, body, ttl)
	earlier, err := claim.take(c.Request.Context(), DB(c))
	switch {
	case err != nil:
		return err
	case earlier == nil:
		return record(c, claim)
	case !bytes.Equal(earlier.Request, claim.request):
		return reusedKey()
	default:
		return replay(c, earlier)
	}
}

// record runs the handler and stores its answer, if it is one that will be
// committed. The answer is held once more, to be told from what surrounds the route.
func record(c *gin.Context, claim *claim) error {
	outer, ctx := c.Writer, c.Request.Context()
	held := hold(outer)
	c.Writer = held
	defer func() { c.Writer = outer }()
	c.Next()
	switch {
	case held.overflow:
		return errHeldTooLarge
	case len(c.Errors) > 0 || ctx.Err() != nil:
		return nil // the session rolls back
	case held.status < http.StatusBadRequest:
		headers := ownHeaders(outer.Header(), held.header)
		if err := claim.store(ctx, DB(c), held.status, headers, held.body.Bytes()); err != nil {
			return err
		}
	}
	held.release()
	return nil
}

// replay sends an earlier answer. The request's id and what the middlewares
// around the session set are the new request's.
func replay(c *gin.Context, earlier *storedAnswer) error {
	c.Set(replayedKey, true)
	c.Abort()
	addHeaders(c.Writer.Header(), earlier.Headers)
	c.Header(replayedHeader, "true")
	c.Writer.WriteHeader(earlier.Status)
	c.Writer.WriteHeaderNow()
	if len(earlier.Body) == 0 {
		return nil
	}
	_, err := c.Writer.Write(earlier.Body)
	return err
}

// parseKey returns the key, or "" if there is none.
func parseKey(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 {
		return "", badKey("must be given once")
	}
	match := keyPattern.FindStringSubmatch(values[0])
	if match == nil {
		return "", badKey(`must be 1 to 255 printable ASCII characters, in "quotes" or without spaces, quotes, commas, semicolons and backslashes`)
	}
	return unquote.Replace(match[1]) + match[2], nil
}

func badKey(message string) error {
	return &web.Problem{
		Status: http.StatusBadRequest, Detail: "The header " + keyHeader + " can not be used.",
		Errors: []web.FieldError{{Field: keyHeader, Message: message}},
	}
}

func reusedKey() error {
	return web.Broken("This "+keyHeader+" has been used for another request: send a new one with a new request.",
		web.FieldError{Field: keyHeader, Message: "was used with another path, query or body"})
}

// keyBusy is for a key whose first request has not ended. It says nothing of how
// that will end, so the client is to ask again.
func keyBusy() error {
	return &web.Problem{
		Status: http.StatusConflict, Retry: true,
		Detail: "A request with this " + keyHeader + " is still running. Repeat this one shortly, to get its answer.",
	}
}

// SetCaller tells whose request this is: a key belongs to its caller, and no
// other one gets to see the answer. Access control calls it with what stays the
// same when a caller repeats a request, such as the account's id.
func SetCaller(c *gin.Context, caller string) { c.Set(callerKey, caller) }

// caller is what SetCaller was given. For an access control that does not call
// it, callers are told apart by what they send to be let in.
func caller(c *gin.Context) string {
	if known, ok := c.Value(callerKey).(string); ok {
		return known
	}
	return digest(c.GetHeader("Authorization"), c.GetHeader("Cookie"))
}

// newClaim derives a claim from a request. The route's pattern is in the scope
// and its path in the request: one key for two resources is a mistake to tell of.
func newClaim(c *gin.Context, key string, body []byte, ttl time.Duration) *claim {
	scope := digest(caller(c), c.Request.Method, c.FullPath())
	return &claim{
		scope:   []byte(scope),
		key:     key,
		request: []byte(digest(c.Request.URL.EscapedPath(), c.Request.URL.RawQuery, string(body))),
		lock:    lockNumber(scope, key),
		ttl:     ttl,
	}
}

func lockNumber(scope, key string) int64 {
	return int64(binary.BigEndian.Uint64([]byte(digest(scope, key))))
}

// digest is the SHA-256 of texts, which can not be mistaken for others that are
// the same when joined.
func digest(parts ...string) string {
	sum := sha256.New()
	for _, part := range parts {
		_ = binary.Write(sum, binary.BigEndian, int64(len(part))) // a hash takes everything
		_, _ = io.WriteString(sum, part)
	}
	return string(sum.Sum(nil))
}
