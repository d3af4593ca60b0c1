package app_test

import (
	"net/http"
	"strings"
	"testing"

	"example.com/transcription-api/internal/web/webtest"
)

// TestRefusedByTheDatabase: the client does not hear which constraint it was; the log has it, once.
func TestRefusedByTheDatabase(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	s.Exec(t, "ALTER TABLE test_things ADD CONSTRAINT one_of_each UNIQUE (title)")
	s.Create(t)
	answer := s.Do(t, "POST", "/things", webtest.Body, "X-Request-ID: second")
	if answer.Status != http.StatusConflict || strings.Contains(answer.Body, "one_of_each") {
		t.Errorf("%d %s", answer.Status, answer.Body)
	}
	line := s.Logged(t, "refused by the database", "request_id", "second")
	if cause, _ := line["error"].(string); !strings.Contains(cause, "one_of_each") || line["level"] != "INFO" || line["status"] != 409. || line["route"] != "/things" {
		t.Errorf("the log says %v", line)
	}
	if lines := s.Log.Lines(t, "refused by the database"); len(lines) != 1 {
		t.Errorf("%d lines", len(lines))
	}
}
