package contest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"time"
)

// asked are the requests that Alike compares the answers to. {new} is an item
// that the first one has made.
var asked = []struct {
	method, path, body string
}{
	{"POST", "/items", `{"title":"Interview","audio_url":"https://example.com/a.wav","language":"de"}`},
	{"GET", "/items/{new}", ""},
	{"GET", "/items/1", ""},
	{"GET", "/items", ""},
	{"PATCH", "/items/1", `{"title":"Talk"}`},
	{"GET", "/items/1", ""},
	{"GET", "/items/999999", ""},
	{"PATCH", "/items/999999", `{"title":"Talk"}`},
}

// Alike reports whether all contenders answer alike: the same status and the
// same JSON, times of now and cursors excepted. Errors need only the status.
// Contenders that do less than the others would win for that.
func Alike(ctx context.Context, programs Programs, url string) (err error) {
	s, err := openServer(ctx, url)
	if err != nil {
		return err
	}
	defer s.close()
	defer func() { err = errors.Join(err, s.clean(ctx)) }()
	const rows = 30 // more than a page
	if err := s.prepare(ctx, programs, rows); err != nil {
		return err
	}
	c := &contest{programs: programs, server: s, progress: io.Discard}
	var first []any
	var differences []error
	err = c.each(func(id string) error {
		return c.with(ctx, id, func(r *running) error {
			answers, err := interview(ctx, r.address)
			if err != nil {
				return err
			}
			if first == nil {
				first = answers
			}
			for i, answer := range answers {
				if !reflect.DeepEqual(answer, first[i]) {
					differences = append(differences, fmt.Errorf("%s answers %s %s with %v, %s with %v", id, asked[i].method, asked[i].path, answer, Contenders[0].ID, first[i]))
				}
			}
			return nil
		})
	})
	return errors.Join(append(differences, err)...)
}

// interview asks everything of one contender.
func interview(ctx context.Context, address string) (answers []any, err error) {
	start, made := time.Now(), ""
	for _, q := range asked {
		path := strings.ReplaceAll(q.path, "/items/{new}", made)
		req, err := http.NewRequestWithContext(ctx, q.method, "http://"+address+path, strings.NewReader(q.body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			return nil, err
		}
		if made == "" {
			made = response.Header.Get("Location")
		}
		answer, err := plainly(response.StatusCode, body, start)
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", q.method, path, err)
		}
		answers = append(answers, answer)
	}
	return answers, nil
}

// plainly is an answer without what differs from one contender to the next.
func plainly(status int, body []byte, start time.Time) (any, error) {
	if status >= http.StatusBadRequest {
		return status, nil
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("%d %q: %w", status, body, err)
	}
	return []any{status, blur(value, start)}, nil
}

// blur replaces cursors and the times from start on, whose form alone counts.
func blur(value any, start time.Time) any {
	switch value := value.(type) {
	case map[string]any:
		for key, member := range value {
			if key == "next_cursor" && member != nil {
				member = "CURSOR"
			}
			value[key] = blur(member, start)
		}
	case []any:
		for i := range value {
			value[i] = blur(value[i], start)
		}
	case string:
		if at, err := time.Parse("2006-01-02T15:04:05.000000Z", value); err == nil && !at.Before(start.Truncate(time.Microsecond)) {
			return "NOW"
		}
	}
	return value
}
