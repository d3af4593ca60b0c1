package app

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// closeWhenDraining tells keep-alive clients, once the server drains, to open
// their next connection elsewhere. It decides when the answer leaves, since the
// draining may have begun after the request.
func closeWhenDraining(state *State) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Writer = &drainWriter{ResponseWriter: c.Writer, state: state}
	}
}

type drainWriter struct {
	gin.ResponseWriter
	state *State
}

func (w *drainWriter) mark() {
	if w.state.draining.Load() && !w.Written() {
		w.Header().Set("Connection", "close")
	}
}

func (w *drainWriter) WriteHeaderNow() {
	w.mark()
	w.ResponseWriter.WriteHeaderNow()
}

func (w *drainWriter) Write(data []byte) (int, error) {
	w.mark()
	return w.ResponseWriter.Write(data)
}

func (w *drainWriter) WriteString(text string) (int, error) {
	w.mark()
	return w.ResponseWriter.WriteString(text)
}

// Unwrap lets http.ResponseController reach the connection's deadlines.
func (w *drainWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *drainWriter) Flush() {
	w.mark()
	w.ResponseWriter.Flush()
}
