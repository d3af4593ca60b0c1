package app

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/web/inspect"
)

// inspectRequests has the requests noted from here on, and returns what adds the
// page that shows them, once all middlewares are there. Without Options.Inspect
// both do nothing. What a route needs the page needs, too: statements and paths
// are as much as a list of them tells.
func inspectRequests(engine *gin.Engine, o Options, api API) (addPage func()) {
	if !o.Inspect {
		return func() {}
	}
	requests := new(inspect.Requests)
	engine.Use(requests.Record)
	return func() {
		engine.Match([]string{http.MethodGet, http.MethodHead}, inspect.Path, inspect.RefuseOthers, accessOf(o, api), requests.Page)
	}
}
