package web

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// Respond answers with JSON. Unlike c.JSON it leaves <, > and & in texts as
// they are, and an empty list is [] whatever its Go value.
func Respond(c *gin.Context, status int, value any) {
	body, err := Marshal(value)
	if err != nil {
		_ = c.Error(err) // a text from the database that is not UTF-8, say
		return
	}
	c.Data(status, "application/json", body)
}

// NotFound answers for paths without a route; hint says where to look instead.
func NotFound(c *gin.Context, hint ...string) {
	detail := strings.Join(append([]string{"There is nothing at this path."}, hint...), " ")
	_ = c.Error(&Problem{Status: http.StatusNotFound, Detail: detail})
}
