package app_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"example.com/transcription-api/internal/web/webtest"
)

// TestConditions: in each header V stands for the thing's version. want is the status of PATCH and DELETE for If-Match, of
// GET and HEAD for If-None-Match, where the others have 412 for 304.
func TestConditions(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	for _, row := range []struct {
		headers string
		want    int
	}{
		{`If-Match: "V"`, 200},
		{`If-Match: *`, 200},
		{`If-Match: "99", "V"`, 200},
		{`If-Match: "99","V","100"`, 200},
		{`If-Match:   "V"  ,`, 200},
		{`If-Match: W/"V", "V"`, 200},
		{`If-Match: "99"|If-Match: "V"`, 200},
		{`If-Match: "a,b", "V"`, 200},
		{`If-Match: ` + strings.Repeat(`"99", `, 9000) + `"V"`, 200},
		{`If-Match: "99"`, 412},
		{`If-Match: W/"V"`, 412},
		{`If-Match: V`, 412},
		{`If-Match: "V`, 412},
		{`If-Match: V"`, 412},
		{`If-Match: 'V'`, 412},
		{`If-Match: ""V""`, 412},
		{`If-Match: "0V"`, 412},
		{`If-Match: "+V"`, 412},
		{`If-Match: " V"`, 412},
		{`If-Match: "V.0"`, 412},
		{`If-Match: "-1"`, 412},
		{`If-Match: "9223372036854775808"`, 412},
		{`If-Match:`, 412},
		{`If-Match: ,`, 412},
		{`If-Match: ""`, 412},
		{`If-Match: "*"`, 412},
		{`If-Match: %00`, 412},
		{`If-Match: "V" OR 1=1`, 412},
		{`If-None-Match: "V"`, 304},
		{`If-None-Match: W/"V"`, 304},
		{`If-None-Match: *`, 304},
		{`If-None-Match: "99", W/"V"`, 304},
		{`If-None-Match: "99"|If-None-Match: "V"`, 304},
		{`If-None-Match: "99"`, 200},
		{`If-None-Match: V`, 200},
		{`If-None-Match: w/"V"`, 200},
		{`If-None-Match: "W/V"`, 200},
		{`If-None-Match:`, 200},
		{`If-None-Match: "`, 200},
	} {
		if strings.HasPrefix(row.headers, "If-None-Match") {
			checkCondition(t, s, "GET", row.headers, row.want)
			checkCondition(t, s, "HEAD", row.headers, row.want)
			if row.want == 304 {
				row.want = 412
			}
		}
		checkCondition(t, s, "PATCH", row.headers, row.want)
		checkCondition(t, s, "DELETE", row.headers, row.want)
	}
}

func checkCondition(t *testing.T, s *webtest.Server, method, headers string, want int) {
	t.Helper()
	path := s.Create(t)
	if old := s.Do(t, "PATCH", path, `{"title":"second"}`); old.Header.Get("Etag") != `"2"` {
		t.Fatalf("the second version has the ETag %s", old.Header.Get("Etag"))
	}
	before := s.Do(t, "GET", path, "")
	body := ""
	if method == "PATCH" {
		body = `{"title":"third"}`
	}
	if method == "DELETE" && want == 200 {
		want = 204
	}
	answer := s.Do(t, method, path, body, strings.Split(strings.ReplaceAll(headers, "V", "2"), "|")...)
	if answer.Status != want {
		t.Errorf("%s, %.80s: %d, want %d", method, headers, answer.Status, want)
	}
	after := s.Do(t, "GET", path, "")
	switch {
	case want == 204 && after.Status != 404, want == 200 && method == "PATCH" && after.Header.Get("Etag") != `"3"`:
		t.Errorf("%s, %.80s: afterwards %s", method, headers, after.Body)
	case want == 412 && after.Body != before.Body:
		t.Errorf("%s, %.80s: refused, and yet %s", method, headers, after.Body)
	case want == 304 && (answer.Body != "" || answer.Header.Get("Etag") != `"2"` || answer.Header.Get("Content-Type") != ""):
		t.Errorf("%s, %.80s: %+v", method, headers, answer)
	}
}

// TestETagsOfOtherAnswers: HEAD says what GET does, 412 comes before 409, and a missing thing has no version to match.
func TestETagsOfOtherAnswers(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	path := s.Create(t)
	get, head := s.Do(t, "GET", path, ""), s.Do(t, "HEAD", path, "")
	for _, name := range []string{"Etag", "Content-Length", "Content-Type"} {
		if head.Header.Get(name) != get.Header.Get(name) || get.Header.Get(name) == "" {
			t.Errorf("%s: HEAD %q, GET %q", name, head.Header.Get(name), get.Header.Get(name))
		}
	}
	if head.Body != "" || head.Status != 200 {
		t.Errorf("HEAD: %+v", head)
	}
	for request, want := range map[string]int{
		"PATCH " + path:         http.StatusPreconditionFailed, // the move would be a 409
		"DELETE /things/999999": http.StatusNotFound,
		"PATCH /things/999999":  http.StatusNotFound,
	} {
		method, target, _ := strings.Cut(request, " ")
		if answer := s.Do(t, method, target, `{"status":"processed"}`, `If-Match: "7"`); answer.Status != want {
			t.Errorf("%s: %s, want %d", request, answer.Summary(), want)
		}
	}
	if answer := s.Do(t, "PATCH", path, `{"status":"processed"}`, `If-Match: "1"`); answer.Status != http.StatusConflict {
		t.Errorf("a move that is not allowed, from the right version: %s", answer.Summary())
	}
	if answer := s.Do(t, "PATCH", path, `{}`, `If-Match: "1"`); answer.Status != 200 || answer.Header.Get("Etag") != `"1"` {
		t.Errorf("an empty PATCH: %s %s", answer.Summary(), answer.Header.Get("Etag"))
	}
	if answer := s.Do(t, "PATCH", path, `{}`, `If-Match: "2"`); answer.Status != http.StatusPreconditionFailed {
		t.Errorf("an empty PATCH of another version: %s", answer.Summary())
	}
}

// TestTwentyClients make the same change at once: with the same If-Match, and the same move without.
func TestTwentyClients(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	for _, test := range []struct {
		body   string
		header string
		loser  int
	}{
		{`{"title":"mine"}`, `If-Match: "1"`, http.StatusPreconditionFailed},
		{`{"status":"processing"}`, `X-No-Condition: 1`, http.StatusConflict},
		{`{"status":"processing"}`, `If-Match: *`, http.StatusConflict},
	} {
		path := s.Create(t)
		const clients = 20
		statuses := make([]int, clients)
		var done sync.WaitGroup
		for i := range clients {
			done.Go(func() {
				if answer, err := s.Try(t.Context(), "PATCH", path, strings.NewReader(test.body), test.header); err == nil {
					statuses[i] = answer.Status
				}
			})
		}
		done.Wait()
		count := map[int]int{}
		for _, status := range statuses {
			count[status]++
		}
		if want := map[int]int{200: 1, test.loser: clients - 1}; fmt.Sprint(count) != fmt.Sprint(want) {
			t.Errorf("%s, %s: %v, want %v", test.body, test.header, count, want)
		}
		if etag := s.Do(t, "GET", path, "").Header.Get("Etag"); etag != `"2"` {
			t.Errorf("%s: afterwards at version %s", test.body, etag)
		}
	}
}
