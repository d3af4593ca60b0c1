package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/types"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// exampleFiles are the example's own. In Makefile and scripts, what is for the
// example alone stands between marks; in other files its names tell.
var exampleFiles = regexp.MustCompile(`^(internal/handlers/(items(_\w*test)?\.go|testdata/items\.golden)|internal/models/item(_\w*)?\.go|cmd/api/work(_\w*)?\.go|cmd/seed/.*|docs/work\.md|ops/(k8s/work\.yaml|alerts-work(_test)?\.yml|grafana-dashboard-work\.json)|` +
	`internal/db/migrations/(00001_create_items|00003_canonical_languages|00005_item_leases|00006_items_lines|00007_item_attempts|00008_items_times|00009_items_valid)\.sql|bench/.*|ops/ha/.*|docs/(performance|scaling).*|` +
	`clients/(life\.ts|tsconfig\.json|.*_test\.go)|cmd/template/(notes_test\.go|testdata/notes/.*))$`)

const (
	exampleFile = "internal/handlers/items.go"
	mainFile    = "cmd/api/main.go"
)

// dropExample takes items away, or changes nothing.
func dropExample(ctx context.Context, root string, stdout io.Writer) error {
	files, err := cleanTree(ctx, root)
	if err != nil {
		return err
	}
	if !slices.Contains(files, exampleFile) {
		return errors.New("the example is gone already")
	}
	e := example{root: root}
	for _, name := range files {
		if !exampleFiles.MatchString(filepath.ToSlash(name)) {
			e.left = append(e.left, filepath.ToSlash(name))
		}
	}
	changes, err := plan(root, files, e.edit)
	if err != nil {
		return err
	}
	for _, name := range []string{"go.mod", "go.sum"} { // which go mod tidy changes
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		changes = append(changes, change{path: filepath.Join(root, name), before: data, after: data})
	}
	if err := apply(changes); err != nil {
		return err
	}
	if err := settle(ctx, root); err != nil {
		return errors.Join(err, takeBack(changes))
	}
	fmt.Fprintln(stdout, "the example is gone: what is left serves health, /docs and the resources of your own")
	fmt.Fprintln(stdout, "a database that has its tables is emptied by make db-reset, if it is the one of make run; others are yours to clean up")
	fmt.Fprintln(stdout, "next: make lint test, then git add -A && git commit, make resource NAME=note, and then make screenshots for the README's pictures")
	return nil
}

// settle drops the modules that only the example needs. What is left must build.
func settle(ctx context.Context, root string) error {
	for _, args := range [][]string{{"mod", "tidy"}, {"vet", "./internal/handlers", "./internal/models"}} {
		out, err := child(ctx, root, "go", args...).CombinedOutput()
		if ctx.Err() != nil {
			return errors.New("interrupted: nothing is changed")
		}
		if err != nil {
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			return fmt.Errorf("nothing is changed, as without the example go %s fails: %s", args[0], lines[len(lines)-1])
		}
	}
	return nil
}

// example knows what to take out of the files that are left.
type example struct {
	root string
	left []string
}

var marked = regexp.MustCompile(`(?ms)^[ \t]*# example\n.*?^[ \t]*# /example\n\n?`)

func (e example) edit(name string, data []byte) ([]byte, error) {
	switch {
	case !slices.Contains(e.left, name):
		return nil, nil
	case len(data) == 0:
		return data, nil // nil, which the edits below make of it, would remove it
	case slices.Contains(slices.Collect(maps.Values(exampleRules)), name):
		return e.editRule(name, data)
	case name == routesFile:
		return edited(name, data, func(s *source) (*source, error) { return s.remove("[]openapi.Route", within("/items")) })
	case name == apiFile:
		return edited(name, data, e.editAPI)
	case name == modelsFile:
		return edited(name, data, func(s *source) (*source, error) { return s.remove("[]any", isItem) })
	case name == mainFile: // api work
		return bytes.Replace(data, []byte("\t\tworkCommand(),\n"), nil, 1), nil
	case path.Ext(name) == ".md":
		return dropLines(name, data), nil
	case path.Dir(name) == migrations && exampleTable.Match(data):
		return nil, errors.New("it needs the table items, and a migration that has run somewhere is not edited: drop the example before other tables refer to it")
	case path.Ext(name) == ".go" || bytes.IndexByte(data, 0) >= 0:
		return data, nil
	default:
		return marked.ReplaceAll(data, nil), nil
	}
}

func isItem(element ast.Expr) bool { return types.ExprString(element) == "&Item{}" }

var exampleTable = regexp.MustCompile(`(?i)\b(references|table|on|from|into|update|join)\s+"?items\b`)

func edited(name string, data []byte, edit func(*source) (*source, error)) ([]byte, error) {
	s, err := parse(name, data)
	if err == nil {
		s, err = edit(s)
	}
	if err != nil {
		return nil, err
	}
	return s.text, nil
}

// exampleRules are the rules that go unless another resource uses them, and the
// files that check them.
var exampleRules = map[string]string{"audiourl": "internal/handlers/urls.go", "language": "internal/handlers/languages.go"}

// editAPI takes out the tag, the text, and the rules that no other resource uses.
func (e example) editAPI(s *source) (*source, error) {
	s, err := s.remove("[]openapi.Tag", func(tag ast.Expr) bool { return member(tag, "Name") == "items" })
	if err != nil {
		return nil, err
	}
	if s, err = parse(apiFile, bytes.Replace(s.text, []byte("aboutItems + "), nil, 1)); err != nil {
		return nil, err
	}
	used, err := e.tags()
	if err != nil {
		return nil, err
	}
	s, err = s.remove("map[string]web.Rule", func(element ast.Expr) bool {
		pair, ok := element.(*ast.KeyValueExpr)
		rule := ""
		if ok {
			rule = literalText(pair.Key)
		}
		return exampleRules[rule] != "" && !asksFor(used, rule)
	})
	if err != nil {
		return nil, err
	}
	return s.prune("aboutItems")
}

func asksFor(tags, rule string) bool { return regexp.MustCompile(`\b` + rule + `\b`).MatchString(tags) }

var validateTag = regexp.MustCompile(`validate:"[^"]*"`)

// editRule keeps the file of a rule that another resource uses.
func (e example) editRule(name string, data []byte) ([]byte, error) {
	used, err := e.tags()
	for rule, file := range exampleRules {
		if file == name && asksFor(used, rule) {
			return data, err
		}
	}
	return nil, err
}

// tags are the rules that the handlers which are left ask for.
func (e example) tags() (string, error) {
	var all []string
	for _, name := range e.left {
		if path.Dir(name) != path.Dir(apiFile) || path.Ext(name) != ".go" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(e.root, name))
		if err != nil {
			return "", err
		}
		all = append(all, validateTag.FindAllString(string(text), -1)...)
	}
	return strings.Join(all, " "), nil
}

var link = regexp.MustCompile(`\]\(([^)#:]+)`)

// exampleTargets are commands that go with the example.
var exampleTargets = regexp.MustCompile(`make (drop-example|seed)\b`)

// dropLines drops the lines that link to files of the example or name a target
// that goes, and the commands that ask for it, with what they print.
func dropLines(name string, data []byte) []byte {
	var out []byte
	command := false // one that is dropped, and its output
	for line := range bytes.Lines(data) {
		switch {
		case bytes.HasPrefix(line, []byte("$ ")):
			command = bytes.Contains(line, []byte("/items"))
		case bytes.HasPrefix(line, []byte("```")):
			command = false
		}
		if !command && !exampleTargets.Match(line) && !linksToExample(name, line) {
			out = append(out, line...)
		}
	}
	return bytes.ReplaceAll(out, []byte("\n\n\n"), []byte("\n\n"))
}

func linksToExample(name string, line []byte) bool {
	return slices.ContainsFunc(link.FindAllSubmatch(line, -1), func(match [][]byte) bool {
		return exampleFiles.MatchString(path.Join(path.Dir(name), string(match[1])))
	})
}
