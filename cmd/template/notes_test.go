//go:build template

package main

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// notes are the files of a resource that has what the example has not: a foreign key, a bool, a time that may be null, a
// list, an optional number with a default.
var notes = map[string]string{
	"create_notes.sql": "internal/db/migrations/00099_create_notes.sql",
	"note.go":          "internal/models/note.go",
	"notes.go":         "internal/handlers/notes.go",
	"notes_test.go":    "internal/handlers/notes_test.go",
}

// TestNotes: a resource is three files and 250 lines, and its routes; nothing else is touched, and all tests pass as they are.
func TestNotes(t *testing.T) {
	root := withExample(t)
	lines := 0
	for from, to := range notes {
		text := read(t, "testdata/notes", from)
		if !strings.HasSuffix(from, "_test.go") {
			lines += strings.Count(text, "\n")
		}
		write(t, root, to, text)
	}
	if lines > 250 {
		t.Errorf("the resource has %d lines", lines)
	}
	s, err := readSource(root, routesFile)
	if err == nil {
		s, err = s.add("[]openapi.Route", strings.TrimSuffix(strings.TrimSpace(read(t, "testdata/notes", "routes.txt")), ","))
	}
	if err != nil {
		t.Fatal(err)
	}
	write(t, root, routesFile, string(s.text))
	command(t, root, "make", "-s", "resource", "NAME=audio_file") // which is there beside the others
	lint(t, root)
	resourceTests(t, root)
	api := serve(t, root)
	t.Run("life", func(t *testing.T) { noteLife(t, api) })
	t.Run("list", func(t *testing.T) { noteList(t, api) })
	t.Run("document", func(t *testing.T) { noteDocument(t, api) })
	api.want(t, 201, `"name":"First"`, "POST", "/audio-files", `{"name":"First"}`)
}

const noteItem = `{"title":"Interview","audio_url":"https://example.com/a.wav"}`

func noteLife(t *testing.T, api service) {
	item := path.Base(api.want(t, 201, "", "POST", "/items", noteItem).location)
	api.want(t, 409, "", "POST", "/notes", `{"item_id":9999,"text":"on nothing"}`)
	api.want(t, 422, `"tags[1]"`, "POST", "/notes", `{"item_id":`+item+`,"text":"a","tags":["a",""]}`)
	api.want(t, 422, `"due_at"`, "POST", "/notes", `{"item_id":`+item+`,"text":"a","due_at":"tomorrow"}`)
	whole := `{"item_id":` + item + `,"text":"Listen","pinned":true,"due_at":"2026-12-01T10:00:00.1234567+01:00","tags":["a","b,\"c\""],"priority":5}`
	made := api.want(t, 201, `"pinned":true,"due_at":"2026-12-01T09:00:00.123456Z","tags":["a","b,\"c\""],"priority":5`, "POST", "/notes", whole, "Idempotency-Key: life")
	note := made.location
	again := api.want(t, 201, made.body, "POST", "/notes", whole, "Idempotency-Key: life")
	got := api.want(t, 200, made.body, "GET", note, "")
	if again.location != note || got.etag != made.etag || got.etag == "" {
		t.Errorf("made %+v, again %+v, got %+v", made, again, got)
	}
	api.want(t, 304, "", "GET", note, "", "If-None-Match: "+got.etag)
	api.want(t, 200, `"due_at":null,"tags":[]`, "PATCH", note, `{"due_at":null,"tags":[],"pinned":false}`, "If-Match: "+got.etag)
	api.want(t, 412, "", "PATCH", note, `{"text":"too late"}`, "If-Match: "+got.etag)
	api.want(t, 422, `"text"`, "PATCH", note, `{"text":null}`)
	api.want(t, 412, "", "DELETE", note, "", "If-Match: "+got.etag)
	api.want(t, 204, "", "DELETE", note, "")
	api.want(t, 404, "", "GET", note, "")
}

func noteList(t *testing.T, api service) {
	item := path.Base(api.want(t, 201, "", "POST", "/items", noteItem).location)
	for _, members := range []string{
		`"text":"1","pinned":true,"due_at":"2026-12-01T00:00:00Z"`, `"text":"2","due_at":"2026-12-02T00:00:00Z"`,
		`"text":"3","pinned":true`, `"text":"4","pinned":true,"due_at":"2026-12-03T00:00:00Z"`,
	} {
		api.want(t, 201, `"tags":[],"priority":3`, "POST", "/notes", `{"item_id":`+item+`,`+members+`}`)
	}
	for query, want := range map[string]string{
		"": "4 3 2 1", "?pinned=true": "4 3 1", "?pinned=false": "2", "?due_before=2026-12-02T12:00:00%2B01:00": "2 1",
		"?pinned=true&due_before=2026-12-04T00:00:00Z": "4 1",
	} {
		for _, limit := range []string{"1", "2", "100"} {
			if got := noteTexts(t, api, query, limit); got != want {
				t.Errorf("%s in pages of %s: %s, want %s", query, limit, got, want)
			}
		}
	}
	api.want(t, 422, `"pinned"`, "GET", "/notes?pinned=yes", "")
	api.want(t, 422, `"due_before"`, "GET", "/notes?due_before=tomorrow", "")
}

// noteTexts reads all pages.
func noteTexts(t *testing.T, api service, query, limit string) string {
	t.Helper()
	var texts []string
	query = "/notes" + query + map[bool]string{true: "?", false: "&"}[query == ""] + "limit=" + limit
	for cursor := ""; ; {
		var page struct {
			Notes      []struct{ Text string }
			NextCursor *string `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(api.want(t, 200, "", "GET", query+cursor, "").body), &page); err != nil {
			t.Fatal(err)
		}
		for _, n := range page.Notes {
			texts = append(texts, n.Text)
		}
		if page.NextCursor == nil || len(texts) > 100 {
			return strings.Join(texts, " ")
		}
		cursor = "&cursor=" + *page.NextCursor
	}
}

// noteDocument compares the resource's part of the document with testdata, as it has been read and found right.
func noteDocument(t *testing.T, api service) {
	var document struct {
		Paths      map[string]json.RawMessage
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal([]byte(api.want(t, 200, "", "GET", "/openapi.json", "").body), &document); err != nil {
		t.Fatal(err)
	}
	if document.Paths["/notes"] == nil || document.Paths["/notes/{id}"] == nil {
		t.Error("the paths are not in the document")
	}
	part := map[string]json.RawMessage{}
	for _, name := range []string{"NewNote", "NoteChanges", "Note", "NotePage"} {
		part[name] = document.Components.Schemas[name]
	}
	text, err := json.MarshalIndent(part, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/notes/schemas.json"
	if os.Getenv("UPDATE") != "" {
		write(t, ".", golden, string(text)+"\n")
	}
	if want := read(t, ".", filepath.FromSlash(golden)); want != string(text)+"\n" {
		t.Errorf("the document has %s", text)
	}
}
