package main

import (
	"go/ast"
	"testing"
)

func sourceOf(t *testing.T, text string) *source {
	t.Helper()
	s, err := parse("x.go", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestListElements(t *testing.T) {
	t.Parallel()
	const head = "package p\n\nvar l = []x.T"
	named := func(name string) func(ast.Expr) bool {
		return func(e ast.Expr) bool { return member(e, "Name") == name }
	}
	for _, row := range []struct{ before, add, remove, want string }{
		{"{}\n", `{Name: "a"}`, "", "{\n\t{Name: \"a\"},\n}\n"},
		{"{{Name: \"a\"}}\n", `{Name: "b"}`, "", "{{Name: \"a\"}, {Name: \"b\"}}\n"},
		{"{\n\t{Name: \"a\"}, // why\n}\n", `{Name: "b"}`, "", "{\n\t{Name: \"a\"}, // why\n\t{Name: \"b\"},\n}\n"},
		{"{{Name: \"a\"}, {Name: \"b\"}, {Name: \"a\"}}\n", "", "a", "{{Name: \"b\"}}\n"},
		{"{\n\t{Name: \"a\"},\n\t{\n\t\tName: \"b\",\n\t},\n\t{Name: \"c\"},\n}\n", "", "b", "{\n\t{Name: \"a\"},\n\t{Name: \"c\"},\n}\n"},
		{"{\n\t{Name: \"a\"},\n}\n", "", "a", "{}\n"},
		{"{{Name: \"a\"}}\n", "", "b", "{{Name: \"a\"}}\n"},
	} {
		s, err := sourceOf(t, head+row.before), error(nil)
		if row.add != "" {
			s, err = s.add("[]x.T", row.add)
		} else {
			s, err = s.remove("[]x.T", named(row.remove))
		}
		if err != nil || string(s.text) != head+row.want {
			t.Errorf("%q: %v, %s", row, err, s.text)
		}
	}
	if _, err := sourceOf(t, "package p\n").add("[]x.T", "{}"); err == nil {
		t.Error("there is no list, and something was added to it")
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	const before = `package p

import (
	"fmt"
	"net/url"

	v2 "example.org/y/v2"
	"example.org/x/v3"
)

// gone is used by nothing.
const gone = "a"

// kept is used.
const kept = "b"

// isGone is used by nothing, and only it needs url.
func isGone() *url.URL { return v2.URL }

// left has no use either, and is not asked for.
func left() { fmt.Println(kept, x.Y) }
`
	const want = `package p

import (
	"fmt"

	"example.org/x/v3"
)

// kept is used.
const kept = "b"

// left has no use either, and is not asked for.
func left() { fmt.Println(kept, x.Y) }
`
	s, err := sourceOf(t, before).prune("gone", "kept", "isGone", "none")
	if err != nil || string(s.text) != want {
		t.Errorf("%v\n%s", err, s.text)
	}
}
