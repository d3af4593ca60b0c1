package app

import (
	"bytes"
	"crypto/rand"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"example.com/transcription-api/internal/web"
)

// AnswerUnread wraps a connection of the API's. What net/http can not read as a
// request no handler sees: it answers by itself, in plain text. Such an answer
// becomes a problem like all others, with an id that the log has too.
func AnswerUnread(conn *net.TCPConn, log *slog.Logger) net.Conn { return unread{conn, log} }

type unread struct {
	*net.TCPConn
	log *slog.Logger
}

// How those answers look: each is written at once, and none has X-Request-ID, as
// all others do, which is sorted in before a Date.
const (
	plainStart       = "HTTP/1.1 "
	plainHeaders     = "\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
	plainExpectation = "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nDate: "
	plainLength      = 512 // bytes, at most
)

// Write sends what a handler writes as it is.
func (c unread) Write(text []byte) (int, error) {
	if len(text) > plainLength || !bytes.HasPrefix(text, []byte(plainStart)) {
		return c.TCPConn.Write(text)
	}
	line, reason, own := bytes.Cut(text, []byte(plainHeaders))
	if !own && !bytes.HasPrefix(text, []byte(plainExpectation)) {
		return c.TCPConn.Write(text)
	}
	code, _, _ := strings.Cut(string(line[len(plainStart):]), " ")
	status, err := strconv.Atoi(code)
	if err != nil {
		return c.TCPConn.Write(text)
	}
	if _, err := c.TCPConn.Write(c.problem(status, string(reason))); err != nil {
		return 0, err
	}
	return len(text), nil
}

// problem is the whole answer, and logs that there is one.
func (c unread) problem(status int, reason string) []byte {
	id, detail := rand.Text(), unreadDetail(status, reason)
	body := (&web.Problem{Status: status, Detail: detail}).Document(id)
	answer := http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Close: true,
		ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
		Header: http.Header{
			"Cache-Control": {"no-store"}, "Content-Type": {web.ProblemMedia}, "Date": {time.Now().UTC().Format(http.TimeFormat)},
			"Referrer-Policy": noReferrer, "X-Content-Type-Options": nosniff, "X-Frame-Options": deny, "X-Request-Id": {id},
		},
	}
	client, _, _ := net.SplitHostPort(c.RemoteAddr().String())
	c.log.Info("request unread", "status", status, "detail", detail, "client", client, "request_id", id)
	var text bytes.Buffer
	_ = answer.Write(&text) // a buffer takes everything
	return text.Bytes()
}

// unreadDetail says what to mend. The reason is net/http's, if it has one.
func unreadDetail(status int, reason string) string {
	_, why, _ := strings.Cut(reason, ": ")
	switch {
	case status == http.StatusRequestHeaderFieldsTooLarge:
		return "The request's URL and headers are too large together."
	case status == http.StatusNotImplemented:
		return "The request has a Transfer-Encoding other than chunked."
	case status == http.StatusExpectationFailed:
		return "The request has an Expect other than 100-continue."
	case why != "":
		return "The request is malformed: " + why + "."
	default:
		return "The request is malformed, in its first line or in a header."
	}
}
