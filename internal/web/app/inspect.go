package app

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/web/inspect"
)

// inspectRequests has the requests noted from here on, and returns what adds the
// page that shows them, once all middlewares are there. Without Options.Inspect
// both do nothing. The page needs no key, as /docs and /metrics do not: a browser
// has none to send, and who asks sits at this machine.
func inspectRequests(engine *gin.Engine, o Options) (addPage func()) {
	if !o.Inspect {
		return func() {}
	}
	requests := new(inspect.Requests)
	engine.Use(requests.Record)
	return func() {
		engine.Match([]string{http.MethodGet, http.MethodHead}, inspect.Path, inspect.RefuseOthers, requests.Page)
	}
}
