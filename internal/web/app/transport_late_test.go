package app_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"example.com/transcription-api/internal/web/webtest"
)

// TestLateMistakes: what is wrong after a good body is the client's mistake, too, and nothing is stored for it.
func TestLateMistakes(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	chunked := head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(webtest.Body), webtest.Body)
	for what, text := range map[string]string{
		"garbage within the length": head + fmt.Sprintf("Content-Length: %d\r\n\r\n%sxyz", len(webtest.Body)+3, webtest.Body),
		"garbage for a chunk":       chunked + "zz\r\n\r\n",
		"a header without a colon":  chunked + "0\r\nnonsense\r\n\r\n",
		"a chunk too large":         chunked + "ffffffffffffffffff\r\n\r\n",
	} {
		line := dial(t, s)
		if _, err := io.WriteString(line, "POST /things HTTP/1.1\r\n"+text); err != nil {
			t.Fatal(err)
		}
		if answer, _ := readAnswer(t, line); answer.Status != http.StatusBadRequest {
			t.Errorf("%s: %s", what, answer.Summary())
		}
	}
	line := dial(t, s) // the body is whole: what follows is another request, and none
	if _, err := io.WriteString(line, "POST /things HTTP/1.1\r\n"+head+fmt.Sprintf("Content-Length: %d\r\n\r\n%sgarbage\r\n\r\n", len(webtest.Body), webtest.Body)); err != nil {
		t.Fatal(err)
	}
	if answer, _ := readAnswer(t, line); answer.Status != http.StatusCreated {
		t.Errorf("garbage after the body: %s", answer.Summary())
	}
	if n := s.Rows(t); n != 1 {
		t.Errorf("%d things are stored, want 1", n)
	}
}
