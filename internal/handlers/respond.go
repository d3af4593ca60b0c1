package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/web"
)

// respond answers with JSON. Unlike c.JSON it leaves <, > and & in texts as
// they are, and an empty list is [] whatever its Go value.
func respond(c *gin.Context, status int, value any) {
	body, err := web.Marshal(value)
	if err != nil {
		_ = c.Error(err) // a text from the database that is not UTF-8, say
		return
	}
	c.Data(status, "application/json", body)
}

// notFound answers for paths without a route.
func notFound(c *gin.Context) {
	_ = c.Error(&web.Problem{Status: http.StatusNotFound, Detail: "There is nothing at this path."})
}

// notAllowed answers for methods that a path does not have; Gin has set Allow.
func notAllowed(c *gin.Context) {
	_ = c.Error(&web.Problem{Status: http.StatusMethodNotAllowed, Detail: "This path does not have this method: see Allow."})
}

// refuseLarge answers a body that announces its size before any of it is read.
func refuseLarge(limit int64) gin.HandlerFunc {
	return func(c *gin.Context) {
		if c.Request.ContentLength > limit {
			c.Header("Connection", "close")
			_ = c.Error(web.TooLarge(limit))
			c.Abort()
		}
	}
}
