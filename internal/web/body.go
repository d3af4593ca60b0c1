package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
)

// readBody returns a body that says it is JSON and is not too large.
func readBody(c *gin.Context) ([]byte, error) {
	media, params, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	isJSON := media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
	if err != nil || !isJSON {
		return nil, unsupported("Send JSON: Content-Type: application/json, in UTF-8.")
	}
	if encoding := c.GetHeader("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, unsupported("Send the body without Content-Encoding.")
	}
	body, err := ReadAll(c)
	if err != nil {
		return nil, err
	}
	if charset := strings.ToLower(params["charset"]); foreign(charset, body) {
		return nil, unsupported("The body is in " + short(charset) + ", as its charset says: send it in UTF-8.")
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // some editors' mark of UTF-8
	if len(body) == 0 {
		return nil, badRequest("The body is empty: send a JSON object.", nil)
	}
	return body, nil
}

func unsupported(detail string) error {
	return &Problem{Status: http.StatusUnsupportedMediaType, Detail: detail}
}

// foreign tells of a body that has another encoding than UTF-8, and says so. JSON
// is UTF-8 whatever the charset: many clients send the name of another one, or
// one of UTF-8's other names, with it. A zero byte is half of a UTF-16 letter.
func foreign(charset string, body []byte) bool {
	known := charset == "" || charset == "utf-8" || charset == "utf8" || charset == "us-ascii"
	return !known && (!utf8.Valid(body) || bytes.IndexByte(body, 0) >= 0)
}

// ReadAll returns a body of any kind. It reads until the request's deadline, which
// alone does not end a read. After a failure the deadline stays: net/http would
// else wait for the rest.
func ReadAll(c *gin.Context) ([]byte, error) {
	conn := http.NewResponseController(c.Writer)
	if deadline, ok := c.Request.Context().Deadline(); ok {
		_ = conn.SetReadDeadline(deadline) // a recorder in a test has none
	}
	body, err := io.ReadAll(c.Request.Body)
	if err != nil {
		return nil, badBody(err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	return body, nil
}

// badBody is for a body that could not be read to its end. net/http closes the
// connection after it, as what is left of the body may never come.
func badBody(err error) error {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return TooLarge(large.Limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &Problem{Status: http.StatusRequestTimeout, Detail: "The body did not arrive in time.", Cause: err}
	}
	return badRequest("The body ended early.", err)
}

// TooLarge is the answer to a body of more bytes than the limit.
func TooLarge(limit int64) *Problem {
	return &Problem{Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("The body may have at most %d bytes.", limit)}
}
