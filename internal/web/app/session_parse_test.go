package app_test

import (
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestSessionRequestsParseOnce: the statements of a request are prepared once for each connection. A text that differs from
// request to request, a value written into it for instance, would be parsed each time.
func TestSessionRequestsParseOnce(t *testing.T) {
	t.Parallel()
	var proxy *dbtest.Proxy
	a := serve(t, nil, sessionPool(1, 0), func(c *settings) {
		proxy = dbtest.NewProxy(t, c.DB.URL)
		c.DB.URL = proxy.URL()
	})
	before := proxy.Sent('P')
	a.must(a.conversation(t.Context()))
	a.idle() // a reader's COMMIT follows its answer
	first := proxy.Sent('P') - before
	if first == 0 {
		t.Error("nothing is parsed: the test tests nothing")
	}
	a.must(a.conversation(t.Context()))
	if again := proxy.Sent('P') - before - first; again != 0 {
		t.Errorf("the same requests again are parsed %d times, want not at all; the first time it was %d", again, first)
	}
}
