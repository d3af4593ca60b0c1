package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestResourceNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"note": "notes", "box": "boxes", "category": "categories", "city": "cities", "class": "classes", "day": "days", "bus": "buses", "buzz": "buzzes",
		"church": "churches", "dish": "dishes", "audio_file": "audio_files", "y": "ys",
	} {
		if got := pluralOf(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	got, err := newResource("example.org/n", "audio_child", "audio_children")
	want := resource{
		"example.org/n", "audio child", "audio children", "an audio child", "audio_children", "/audio-children",
		"audioChild", "AudioChild", "AudioChildren",
	}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

// taken is a tree in which a resource may be in the way.
func taken(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                         "module example.org/n\n",
		routesFile:                       "package handlers\n\nimport \"net/url\"\n\nfunc routes() []openapi.Route {\n\treturn []openapi.Route{\n\t\t{Path: \"/boxes/:id\"},\n\t}\n}\n\nvar _ url.URL\n",
		apiFile:                          "package handlers\n\nvar tags = []openapi.Tag{{Name: \"boxes\"}}\n\nfunc createDay() {}\n",
		modelsFile:                       "package models\n\nfunc All() []any {\n\treturn []any{}\n}\n",
		migrations + "/00007_a.sql":      "-- +goose Up\nCREATE TABLE IF NOT EXISTS \"jars\" (id int);\n",
		"internal/models/lid.go":         "package models\n",
		"internal/models/mat_test.go":    "package models_test\n\nfunc TestCup() {}\n",
		"internal/handlers/hats_test.go": "package handlers_test\n",
	} {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestResourceRefuses(t *testing.T) {
	t.Parallel()
	root := taken(t)
	before := state(t, root)
	for _, row := range []struct{ name, plural, want string }{
		{"", "", "make resource NAME=note"},
		{"Note", "", "must be lower-case letters"},
		{"note1", "", "must be lower-case letters"},
		{"../x", "", "must be lower-case letters"},
		{"note", "no tes", "PLURAL \"no tes\": must be"},
		{"type", "", "means something in Go"},
		{"string", "", "means something in Go"},
		{"audio_test", "", "in a test or on some systems"},
		{"audio_windows", "", "in a test or on some systems"},
		{"doc", "", "PLURAL \"docs\": is reserved"},
		{"reference", "", "PLURAL \"references\": is reserved"},
		{"page", "", "page has another meaning"},
		{"models", "", "models has another meaning"},
		{"box", "", "has a route /boxes already"},
		{"jar", "", "00007_a.sql has a table jars already"},
		{"lid", "", "internal/models/lid.go is there already"},
		{"hat", "", "internal/handlers/hats_test.go is there already"},
		{"day", "", "internal/handlers/api.go has the name createDay already"},
		{"url", "", "internal/handlers/routes.go has the name url already"},
		{"cup", "", "internal/models/mat_test.go has the name TestCup already"},
	} {
		err := addResource(root, row.name, row.plural, io.Discard)
		if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line with %q", row.name, err, row.want)
		}
		if after := state(t, root); after != before {
			t.Fatalf("%s: changed:\n%s", row.name, after)
		}
	}
}

// state is all files with their contents.
func state(t *testing.T, root string) string {
	t.Helper()
	var all strings.Builder
	if err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.WriteString(path + "\n" + string(text))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// TestResourceFiles: the number of the migration is the next one, and the three files have 250 lines at most.
func TestResourceFiles(t *testing.T) {
	t.Parallel()
	root := taken(t)
	var said strings.Builder
	if err := addResource(root, "child", "children", &said); err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, name := range []string{migrations + "/00008_create_children.sql", "internal/models/child.go", "internal/handlers/children.go"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || !strings.Contains(said.String(), name) {
			t.Errorf("%s: %v; said %s", name, err, &said)
		}
		lines += strings.Count(string(text), "\n")
	}
	if lines > 250 {
		t.Errorf("they have %d lines", lines)
	}
	routes, err := readSource(root, routesFile)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(routes.list("[]openapi.Route").Elts); got != 6 {
		t.Errorf("there are %d routes, want 1 and 5:\n%s", got, routes.text)
	}
	if err := addResource(root, "child", "", io.Discard); err == nil {
		t.Error("it is made twice")
	}
}
