package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/models"
)

// statusClientGone is nginx's code for a client that closed the connection; it
// appears in the log only.
const statusClientGone = 499

// problem is an error answer (RFC 9457).
type problem struct {
	Type      string       `json:"type" example:"about:blank"`
	Title     string       `json:"title" example:"Unprocessable Content"`
	Status    int          `json:"status" example:"422"`
	Detail    string       `json:"detail" example:"The body breaks a rule."`
	RequestID string       `json:"request_id" example:"4TXKVKHGGMFJXQOYJQLGAXPMD2" doc:"The same as X-Request-ID, and in the log."`
	Errors    []fieldError `json:"errors,omitempty" doc:"The members or parameters at fault, where there are any."`
}

// fieldError says what is wrong with one field, in the client's name for it.
type fieldError struct {
	Field   string `json:"field" example:"title"`
	Message string `json:"message" example:"is required"`
}

// httpError is an error that knows its answer: detail and fields are for the
// client, cause is for the log.
type httpError struct {
	status int
	detail string
	fields []fieldError
	retry  bool // the same request may succeed soon; always so for 503
	cause  error
}

func (e *httpError) Error() string {
	if e.cause != nil {
		return e.detail + ": " + e.cause.Error()
	}
	return e.detail
}

func (e *httpError) Unwrap() error { return e.cause }

// noSuchThing is also for ids that no row can have.
const noSuchThing = "There is nothing with this id."

// answers maps errors to statuses and to what the client reads. An error that
// neither stands here nor has a class below is a 500, whose cause only the log shows.
var answers = []struct {
	err    error
	status int
	detail string
}{
	{models.ErrNotFound, http.StatusNotFound, noSuchThing},
	{gorm.ErrRecordNotFound, http.StatusNotFound, noSuchThing},
	{models.ErrModified, http.StatusPreconditionFailed, "It has changed since: fetch it again and repeat the request with its new ETag."},
	{db.ErrPoolTimeout, http.StatusServiceUnavailable, "The service is busy. Try again shortly."},
	{db.ErrQueueFull, http.StatusServiceUnavailable, "The service is busy. Try again shortly."},
	{db.ErrCommitUnknown, http.StatusServiceUnavailable, "It is not known whether the change was saved. Fetch the resource before trying again."},
}

var classes = map[db.Class]struct {
	status int
	detail string
}{
	db.Conflict:    {http.StatusConflict, "The change conflicts with what is stored already."},
	db.Invalid:     {http.StatusUnprocessableEntity, "A value is not one that can be stored."},
	db.Unavailable: {http.StatusServiceUnavailable, "The service can not do this at the moment. Try again shortly."},
}

// answerTo finds the answer to an error of a request.
func answerTo(ctx context.Context, err error) *httpError {
	known, ok := errors.AsType[*httpError](err)
	slow := ok && known.status == http.StatusRequestTimeout // the client's time was over no later than ours
	if !slow && !errors.Is(err, db.ErrCommitUnknown) {
		if ended := answerToEnd(ctx, err); ended != nil {
			return ended
		}
	}
	if ok {
		return known
	}
	if move, ok := errors.AsType[*models.StatusError](err); ok {
		return &httpError{status: http.StatusConflict, detail: move.Error() + "."}
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			return &httpError{status: a.status, detail: a.detail, cause: err}
		}
	}
	if a, ok := classes[db.Classify(err)]; ok {
		return &httpError{status: a.status, detail: a.detail, cause: err}
	}
	return &httpError{status: http.StatusInternalServerError, detail: "Something went wrong on our side.", cause: err}
}

// answerToEnd is for a request whose time is over, whatever error that led to.
func answerToEnd(ctx context.Context, err error) *httpError {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return nil
	case errors.Is(cause, db.ErrShutdown):
		return &httpError{status: http.StatusServiceUnavailable, detail: "The service is restarting. Try again shortly.", cause: err}
	case errors.Is(cause, context.DeadlineExceeded):
		return &httpError{status: http.StatusGatewayTimeout, detail: "The request took too long.", cause: err}
	default:
		return &httpError{status: statusClientGone, detail: "The client went away.", cause: err}
	}
}

// answerErrors is the one place that writes errors: those that handlers and
// middlewares have left with the context.
func answerErrors(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Next()
		if len(c.Errors) == 0 || c.Writer.Written() {
			return
		}
		ctx, err := c.Request.Context(), error(c.Errors.Last().Err)
		answer := answerTo(ctx, err)
		if answer.status >= http.StatusInternalServerError {
			log.LogAttrs(ctx, slog.LevelError, "request failed",
				slog.Int("status", answer.status), slog.String("route", c.FullPath()), slog.String("error", err.Error()))
		}
		if c.GetBool(keyedKey) && errors.Is(err, db.ErrCommitUnknown) {
			answer.detail = "It is not known whether the change was saved. Repeat the request with the same " + keyHeader + ": it is carried out once."
		}
		writeProblem(c, answer)
	}
}

func writeProblem(c *gin.Context, e *httpError) {
	p := problem{
		Type: "about:blank", Title: title(e.status), Status: e.status, Detail: e.detail,
		RequestID: requestID(c.Request.Context()), Errors: e.fields,
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and numbers can be marshalled
	}
	if e.status == http.StatusServiceUnavailable || e.retry {
		c.Header("Retry-After", "1")
	}
	c.Header("Cache-Control", "no-store")
	c.Data(e.status, "application/problem+json", body)
}

// title is the status's name in RFC 9110, where net/http has an older one.
func title(status int) string {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return "Content Too Large"
	case http.StatusUnprocessableEntity:
		return "Unprocessable Content"
	case statusClientGone:
		return "Client Closed Request"
	default:
		return http.StatusText(status)
	}
}
