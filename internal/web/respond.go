package web

import (
	"bytes"
	"net/http"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
)

// Respond answers with JSON. Unlike c.JSON it leaves <, > and & in texts as
// they are, and an empty list is [] whatever its Go value.
func Respond(c *gin.Context, status int, value any) {
	body := bodies.Get().(*bytes.Buffer)
	defer keepBody(body)
	if err := marshalTo(body, value); err != nil {
		_ = c.Error(err) // a text from the database that is not UTF-8, say
		return
	}
	c.Data(status, "application/json", body.Bytes())
}

// bodies are what answers are encoded in, for one after the other. Who writes
// them keeps nothing of them.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxBody is the largest that is kept, in bytes.
const maxBody = 64 << 10

func keepBody(body *bytes.Buffer) {
	if body.Cap() <= maxBody {
		body.Reset()
		bodies.Put(body)
	}
}

// NotFound answers for paths without a route; hint says where to look instead.
func NotFound(c *gin.Context, hint ...string) {
	detail := strings.Join(append([]string{"There is nothing at this path."}, hint...), " ")
	_ = c.Error(&Problem{Status: http.StatusNotFound, Detail: detail})
}
