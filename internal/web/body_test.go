package web

import (
	"errors"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
)

// TestEncodings: a body's bytes decide, not what its charset says of them.
func TestEncodings(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ charset, body, want string }{
		{"", `{"a":"ä"}`, `{"a":"ä"}`},
		{"; charset=utf-8", `{"a":"ä"}`, `{"a":"ä"}`},
		{"; charset=UTF8", `{"a":"ä"}`, `{"a":"ä"}`},
		{"; charset=us-ascii", `{"a":"ä"}`, `{"a":"ä"}`},
		{"; charset=iso-8859-1", `{"a":"a"}`, `{"a":"a"}`},
		{"; charset=iso-8859-1", `{"a":"ä"}`, `{"a":"ä"}`},
		{"", "\ufeff{}", "{}"},
		{"", "\ufeff", "400 The body is empty: send a JSON object."},
		{"; charset=iso-8859-1", "{\"a\":\"\xe4\"}", "415 The body is in iso-8859-1, as its charset says: send it in UTF-8."},
		{"; charset=utf-16", "\x00{\x00}", "415 The body is in utf-16, as its charset says: send it in UTF-8."},
		{"; charset=UTF-16LE", "\xff\xfe{\x00}\x00", "415 The body is in utf-16le, as its charset says: send it in UTF-8."},
		{"; charset=" + strings.Repeat("x", 5000), "\xff", "415 The body is in " + strings.Repeat("x", 100) + "…, as its charset says: send it in UTF-8."},
	} {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(row.body))
		c.Request.Header.Set("Content-Type", "application/json"+row.charset)
		body, err := readBody(c)
		got := string(body)
		if problem, ok := errors.AsType[*Problem](err); ok {
			got = strconv.Itoa(problem.Status) + " " + problem.Detail
		}
		if got != row.want {
			t.Errorf("%.40s %q\n got %s\nwant %s", row.charset, row.body, got, row.want)
		}
	}
}
