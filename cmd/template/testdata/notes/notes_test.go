package handlers_test

import (
	"testing"

	"example.com/transcription-api/internal/handlers"
	"example.com/transcription-api/internal/web/webtest"
)

func TestNotesConform(t *testing.T) {
	t.Parallel()
	s := webtest.Start(t, webtest.Documented(t, handlers.New))
	s.Exec(t, `INSERT INTO items (id, title, audio_url) VALUES (7, 'Seven', 's3://bucket/a')`)
	for _, step := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/notes", `{"item_id":7,"text":"a"}`, 201},
		{"POST", "/notes", `{"item_id":7,"text":"b","pinned":true,"due_at":"2026-12-01T10:00:00+01:00","tags":["x","y"],"priority":1}`, 201},
		{"POST", "/notes", `{"item_id":8,"text":"a"}`, 409},
		{"POST", "/notes", `{"item_id":7,"text":"a","priority":6}`, 422},
		{"GET", "/notes?pinned=true&due_before=2026-12-02T00:00:00Z&limit=1", "", 200},
		{"GET", "/notes?pinned=1", "", 422},
		{"PATCH", "/notes/2", `{"due_at":null,"tags":[]}`, 200},
		{"DELETE", "/notes/2", "", 204},
		{"GET", "/notes/2", "", 404},
	} {
		if answer := s.Do(t, step.method, step.path, step.body); answer.Status != step.status {
			t.Errorf("%s %s %s: %d %s, want %d", step.method, step.path, step.body, answer.Status, answer.Body, step.status)
		}
	}
}
