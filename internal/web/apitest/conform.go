// Package apitest holds what an API answers against what its own document says:
// Conform wraps a handler for the time of a test. It knows OpenAPI, and nothing
// of this API.
package apitest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Conform returns a handler that serves as api does, and fails the test for
// every answer that api's /openapi.json does not describe: an undeclared
// status, content type or header, a required header that is missing, a body
// that its schema refuses (a member too many included). A request that was
// answered with 2xx must be one that the document allows. For paths and methods
// that are no operation, it must be the document's 404 or 405, with the
// right Allow.
//
//	api, err := handlers.New(options)
//	server := httptest.NewServer(apitest.Conform(t, api))
//	t.Cleanup(server.Close) // after Conform, so that it ends before the test does
//
// Left alone are preflights, and answers that nobody reads any more: 499, and
// those of handlers that panic with http.ErrAbortHandler.
func Conform(t testing.TB, api http.Handler) http.Handler {
	t.Helper()
	answer := httptest.NewRecorder()
	api.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/openapi.json", nil))
	doc, err := Load(answer.Body.Bytes())
	if err != nil {
		t.Fatalf("GET /openapi.json, which answered %d: %v", answer.Code, err)
	}
	r := &reporter{TB: t}
	t.Cleanup(r.close)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		sent := &bytes.Buffer{}
		seen := &recorder{ResponseWriter: w, status: http.StatusOK}
		api.ServeHTTP(seen, withCopy(req, sent))
		if seen.status == 499 {
			return
		}
		x := Exchange{
			Method: req.Method, URL: req.URL, RequestHeader: req.Header, RequestBody: sent.Bytes(),
			Status: seen.status, Header: seen.sentHeader(), Body: seen.body.Bytes(),
		}
		if err := doc.Check(x); err != nil {
			r.report("%s %s: %d: %v\n%s", req.Method, req.URL, seen.status, err, seen.body.Bytes())
		}
	})
}

// withCopy writes to sent what the handler reads of the body.
func withCopy(req *http.Request, sent io.Writer) *http.Request {
	if req.Body == nil || req.Body == http.NoBody {
		return req
	}
	copied := req.Clone(req.Context())
	copied.Body = struct {
		io.Reader
		io.Closer
	}{io.TeeReader(req.Body, sent), req.Body}
	return copied
}

// reporter fails the test as long as it runs: afterwards that would be a panic.
type reporter struct {
	testing.TB
	mu    sync.Mutex
	ended bool
}

func (r *reporter) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}

func (r *reporter) report(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.Errorf(format, args...)
	}
}

// recorder keeps what passes through it.
type recorder struct {
	http.ResponseWriter
	status int
	header http.Header // as it was when it left
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	if r.header == nil && status >= http.StatusOK {
		if status == http.StatusRequestEntityTooLarge {
			// What net/http does itself where http.MaxBytesReader finds its own writer.
			r.Header().Set("Connection", "close")
		}
		r.status, r.header = status, r.Header().Clone()
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(data []byte) (int, error) {
	if r.header == nil {
		r.header = r.Header().Clone()
	}
	r.body.Write(data)
	return r.ResponseWriter.Write(data)
}

func (r *recorder) sentHeader() http.Header {
	if r.header == nil {
		return r.Header()
	}
	return r.header
}

// Flush is for Gin, which does not look at Unwrap.
func (r *recorder) Flush() { _ = http.NewResponseController(r.ResponseWriter).Flush() }

// Unwrap is for http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
