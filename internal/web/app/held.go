package app

import (
	"bufio"
	"bytes"
	"errors"
	"maps"
	"net"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
)

// maxHeld is what an answer of a transactional route may weigh, in bytes. A
// route that sends more must be registered outside of the session's group, and
// stream.
const maxHeld = 64 << 20

var (
	errHeldTooLarge = errors.New("answer larger than 64 MiB: stream it from a route without a session")
	errHeldHijack   = errors.New("a route with a session can not take over the connection")
)

// heldWriter keeps status, headers and body until the transaction has ended, so
// that no client sees an answer whose COMMIT then fails.
type heldWriter struct {
	gin.ResponseWriter // the real one, untouched until release
	header             http.Header
	body               bytes.Buffer
	status             int
	written            bool
	overflow           bool
}

// hold leaves the headers so far to an error's answer: the handler's go into a map
// of their own. The values' lists are shared, since Header's methods replace them.
func hold(w gin.ResponseWriter) *heldWriter {
	return &heldWriter{ResponseWriter: w, header: maps.Clone(w.Header()), status: http.StatusOK}
}

// release sends what was held. A failing write means that the client is gone.
func (w *heldWriter) release() {
	header := w.ResponseWriter.Header()
	clear(header)
	maps.Copy(header, w.header)
	if w.body.Len() > 0 {
		header.Set("Content-Length", strconv.Itoa(w.body.Len()))
	}
	w.ResponseWriter.WriteHeader(w.status)
	w.ResponseWriter.WriteHeaderNow()
	if w.body.Len() > 0 {
		_, _ = w.ResponseWriter.Write(w.body.Bytes())
	}
}

// sayEmpty gives an answer without a body the length that net/http would give it
// at its end: flushed before, it would be sent in chunks.
func (w *heldWriter) sayEmpty(method string) {
	bodiless := method == http.MethodHead || w.status == http.StatusNoContent || w.status == http.StatusNotModified
	if w.body.Len() == 0 && !bodiless {
		w.header.Set("Content-Length", "0")
	}
}

func (w *heldWriter) Header() http.Header { return w.header }

func (w *heldWriter) Write(data []byte) (int, error) {
	if w.body.Len()+len(data) > maxHeld {
		w.overflow = true
		return 0, errHeldTooLarge
	}
	w.written = true
	return w.body.Write(data)
}

func (w *heldWriter) WriteString(text string) (int, error) { return w.Write([]byte(text)) }

// WriteHeader keeps the final status; interim ones (1xx) are not sent.
func (w *heldWriter) WriteHeader(status int) {
	if status >= http.StatusOK && !w.written {
		w.status = status
	}
}

func (w *heldWriter) WriteHeaderNow() { w.written = true }
func (w *heldWriter) Status() int     { return w.status }
func (w *heldWriter) Written() bool   { return w.written }

func (w *heldWriter) Size() int {
	if !w.written {
		return -1
	}
	return w.body.Len()
}

// Flush does nothing: there is nothing that may leave yet.
func (w *heldWriter) Flush() {}

func (w *heldWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, errHeldHijack }

// Unwrap lets http.ResponseController reach the connection's deadlines.
func (w *heldWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
