package app

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/query"
	"example.com/transcription-api/internal/web"
)

// answers maps errors to statuses and to what the client reads. An error that
// neither stands here nor has a class below is a 500, whose cause only the log shows.
var answers = []struct {
	err    error
	status int
	detail string
}{
	{query.ErrNotFound, http.StatusNotFound, web.NoSuchThing},
	{gorm.ErrRecordNotFound, http.StatusNotFound, web.NoSuchThing},
	{query.ErrModified, http.StatusPreconditionFailed, ""}, // web.WhyModified tells
	{query.ErrUnmet, http.StatusConflict, "What is stored does not allow the change."},
	{query.ErrExcluded, http.StatusPreconditionFailed, "If-None-Match holds: it is at a version that the request excludes."},
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
func answerTo(ctx context.Context, err error) *web.Problem {
	known, ok := errors.AsType[*web.Problem](err)
	slow := ok && known.Status == http.StatusRequestTimeout // the client's time was over no later than ours
	if !slow && !errors.Is(err, db.ErrCommitUnknown) {
		if ended := answerToEnd(ctx, err); ended != nil {
			return ended
		}
	}
	if ok {
		return known
	}
	if conflict, ok := errors.AsType[*query.Conflict](err); ok {
		return &web.Problem{Status: http.StatusConflict, Detail: conflict.Reason + "."}
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			return &web.Problem{Status: a.status, Detail: a.detail, Cause: err}
		}
	}
	if a, ok := classes[db.Classify(err)]; ok {
		return &web.Problem{Status: a.status, Detail: a.detail, Cause: err}
	}
	return &web.Problem{Status: http.StatusInternalServerError, Detail: "Something went wrong on our side.", Cause: err}
}

// answerToEnd is for a request whose time is over, whatever error that led to.
func answerToEnd(ctx context.Context, err error) *web.Problem {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return nil
	case errors.Is(cause, db.ErrShutdown):
		return &web.Problem{Status: http.StatusServiceUnavailable, Detail: "The service is restarting. Try again shortly.", Cause: err}
	case errors.Is(cause, context.DeadlineExceeded):
		return &web.Problem{Status: http.StatusGatewayTimeout, Detail: "The request took too long.", Cause: err}
	default:
		return &web.Problem{Status: web.StatusClientGone, Detail: "The client went away.", Cause: err}
	}
}

// answerErrors is the one place that writes errors: those that handlers and
// middlewares have left with the context.
func answerErrors(log *slog.Logger) gin.HandlerFunc {
	return func(c *gin.Context) {
		ctx := c.Request.Context() // a handler's own, in its place, has ended with the handler: that is no client gone
		c.Next()
		if len(c.Errors) == 0 || c.Writer.Written() {
			return
		}
		if own := c.Request.Context(); errors.Is(context.Cause(own), context.DeadlineExceeded) {
			ctx = own
		}
		err := error(c.Errors.Last().Err)
		answer := answerTo(ctx, err)
		if answer.Status >= http.StatusInternalServerError {
			log.LogAttrs(ctx, slog.LevelError, "request failed",
				slog.Int("status", answer.Status), slog.String("route", c.FullPath()), slog.String("error", err.Error()))
		} else if answer.Cause != nil && (answer.Status == http.StatusConflict || answer.Status == http.StatusUnprocessableEntity) { // which constraint it was, the client is not told
			log.LogAttrs(ctx, slog.LevelInfo, "refused by the database",
				slog.Int("status", answer.Status), slog.String("route", c.FullPath()), slog.String("error", err.Error()))
		}
		if errors.Is(err, query.ErrModified) {
			answer.Detail = web.WhyModified(c.Request.Header)
		}
		if c.GetBool(keyedKey) && errors.Is(err, db.ErrCommitUnknown) {
			answer.Detail = "It is not known whether the change was saved. Repeat the request with the same " + keyHeader + ": it is carried out once."
		}
		answer.Write(c)
	}
}
