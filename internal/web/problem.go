package web

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// StatusClientGone is nginx's code for a client that closed the connection; it
// appears in the log only.
const StatusClientGone = 499

// Problem is an error that knows its answer (RFC 9457). The code gives Status,
// Detail, Errors, whether to Retry and, for the log, Cause.
type Problem struct {
	Type      string       `json:"type" example:"about:blank"`
	Title     string       `json:"title" example:"Unprocessable Content"`
	Status    int          `json:"status" example:"422"`
	Detail    string       `json:"detail" example:"The body breaks a rule."`
	RequestID string       `json:"request_id" example:"4TXKVKHGGMFJXQOYJQLGAXPMD2" doc:"The same as X-Request-ID, and in the log."`
	Errors    []FieldError `json:"errors,omitempty" doc:"The members or parameters at fault, where there are any."`
	Retry     bool         `json:"-"` // the same request may succeed soon; always so for 503
	Cause     error        `json:"-"`
}

// FieldError says what is wrong with one field, in the client's name for it.
type FieldError struct {
	Field   string `json:"field" example:"title"`
	Message string `json:"message" example:"is required"`
}

func (p *Problem) Error() string {
	if p.Cause != nil {
		return p.Detail + ": " + p.Cause.Error()
	}
	return p.Detail
}

func (p *Problem) Unwrap() error { return p.Cause }

// ProblemMedia is the content type of every error.
const ProblemMedia = "application/problem+json"

// Document is the answer's body, to the request with this id.
func (p *Problem) Document(requestID string) []byte {
	whole := *p
	whole.Type, whole.Title, whole.RequestID = "about:blank", StatusTitle(p.Status), requestID
	body, err := Marshal(whole)
	if err != nil {
		panic(err) // strings and numbers can be marshalled
	}
	return body
}

// Write answers with the problem. The request's id has to be a header already.
func (p *Problem) Write(c *gin.Context) {
	body := p.Document(c.Writer.Header().Get("X-Request-ID"))
	if p.Status == http.StatusServiceUnavailable || p.Retry {
		c.Header("Retry-After", "1")
	}
	c.Header("Cache-Control", "no-store")
	c.Data(p.Status, ProblemMedia, body)
}

// StatusTitle is the status's name in RFC 9110, where net/http has an older one.
func StatusTitle(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "Content Too Large"
	case http.StatusUnprocessableEntity:
		return "Unprocessable Content"
	case StatusClientGone:
		return "Client Closed Request"
	default:
		return http.StatusText(status)
	}
}
