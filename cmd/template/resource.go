package main

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"go/ast"
	"go/format"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

//go:embed resource/*.tmpl
var resourceFiles embed.FS

const (
	routesFile = "internal/handlers/routes.go"
	apiFile    = "internal/handlers/api.go"
	modelsFile = "internal/models/all.go"
	migrations = "internal/db/migrations"
)

// addResource writes a resource's files and enters its routes, or changes nothing.
func addResource(root, name, plural string, stdout io.Writer) error {
	module, err := currentModule(root)
	if err != nil {
		return err
	}
	r, err := newResource(module, name, plural)
	if err != nil {
		return err
	}
	files, err := r.files(root)
	if err != nil {
		return err
	}
	if err := r.refuseTaken(root, files); err != nil {
		return err
	}
	changes, err := r.enter(root)
	if err != nil {
		return err
	}
	for _, f := range files {
		changes = append(changes, change{path: filepath.Join(root, f.name), after: f.text})
	}
	if err := apply(changes); err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintf(stdout, "%-48s %s\n", f.name, f.about)
	}
	fmt.Fprintf(stdout, "%s and %s have its routes and its tag, %s its model\n", routesFile, path.Base(apiFile), modelsFile)
	fmt.Fprintln(stdout, "next: make lint test; then turn the column name into yours, in each of them, and make run")
	return nil
}

type newFile struct {
	name, about string
	text        []byte
}

func (r resource) files(root string) ([]newFile, error) {
	number, err := nextMigration(filepath.Join(root, migrations))
	if err != nil {
		return nil, err
	}
	singular := strings.ReplaceAll(r.Singular, " ", "_")
	list := []newFile{
		{name: fmt.Sprintf("%s/%05d_create_%s.sql", migrations, number, r.Table), about: "the table: a constraint for each rule"},
		{name: "internal/models/" + singular + ".go", about: "the row and its queries"},
		{name: "internal/models/" + singular + "_test.go", about: "their test"},
		{name: "internal/handlers/" + r.Table + ".go", about: "what comes in and goes out"},
		{name: "internal/handlers/" + r.Table + "_test.go", about: "a life, over HTTP"},
	}
	for i, from := range []string{"migration.sql", "model.go", "model_test.go", "handlers.go", "handlers_test.go"} {
		if list[i].text, err = r.render(from); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (r resource) render(from string) ([]byte, error) {
	parsed, err := template.ParseFS(resourceFiles, "resource/"+from+".tmpl")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, r); err != nil || path.Ext(from) != ".go" || from == "routes.go" {
		return out.Bytes(), err
	}
	return format.Source(out.Bytes()) // columns follow the length of names
}

var numbered = regexp.MustCompile(`^0*([0-9]+)_.*\.sql$`)

func nextMigration(folder string) (int, error) {
	entries, err := os.ReadDir(folder)
	last := 0
	for _, entry := range entries {
		if match := numbered.FindStringSubmatch(entry.Name()); match != nil {
			number, _ := strconv.Atoi(match[1]) // of digits; one too large is goose's to refuse
			last = max(last, number)
		}
	}
	return last + 1, err
}

// enter adds the resource to the lists of routes, tags and models.
func (r resource) enter(root string) ([]change, error) {
	routes, err := r.render("routes.go")
	if err != nil {
		return nil, err
	}
	tag := fmt.Sprintf("{Name: %q, Description: %q}", r.Path[1:], strings.ToUpper(r.Plural[:1])+r.Plural[1:])
	var changes []change
	for _, entry := range []struct{ file, list, element string }{
		{routesFile, "[]openapi.Route", strings.TrimSuffix(string(routes), ",\n")},
		{apiFile, "[]openapi.Tag", tag},
		{modelsFile, "[]any", "&" + r.Type + "{}"},
	} {
		s, err := readSource(root, entry.file)
		if err != nil {
			return nil, err
		}
		before := s.text
		if s, err = s.add(entry.list, entry.element); err != nil {
			return nil, fmt.Errorf("%s: %w", entry.file, err)
		}
		changes = append(changes, change{path: filepath.Join(root, entry.file), before: before, after: s.text})
	}
	return changes, nil
}

func readSource(root, name string) (*source, error) {
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return nil, err
	}
	return parse(name, text)
}

// refuseTaken returns what is there already under a name that the resource needs.
func (r resource) refuseTaken(root string, files []newFile) error {
	for _, f := range files {
		if _, err := os.Lstat(filepath.Join(root, f.name)); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already", f.name)
		}
	}
	table := regexp.MustCompile(`(?i)\btable\s+(if\s+not\s+exists\s+)?"?` + r.Table + `\b`)
	older, err := filepath.Glob(filepath.Join(root, migrations, "*.sql"))
	if err != nil {
		return err
	}
	for _, name := range older {
		if text, err := os.ReadFile(name); err != nil || table.Match(text) {
			return errors.Join(err, fmt.Errorf("%s has a table %s already", filepath.Base(name), r.Table))
		}
	}
	routes, err := readSource(root, routesFile)
	if err != nil {
		return err
	}
	if list := routes.list("[]openapi.Route"); list != nil && slices.ContainsFunc(list.Elts, within(r.Path)) {
		return fmt.Errorf("%s has a route %s already", routesFile, r.Path)
	}
	return r.refuseNames(root, files)
}

// within tells the routes of a resource.
func within(path string) func(ast.Expr) bool {
	return func(element ast.Expr) bool {
		at := member(element, "Path")
		return at == path || strings.HasPrefix(at, path+"/")
	}
}

// refuseNames looks for names of the resource that mean something else in its
// packages, or in its own files.
func (r resource) refuseNames(root string, files []newFile) error {
	other, err := resource{Module: r.Module, Var: "someThing", Type: "SomeThing", Types: "SomeThings", Path: "/some-things"}.render("handlers.go")
	if err != nil {
		return err
	}
	own, err := parse("", other)
	if err != nil {
		return err
	}
	var used bool
	ast.Inspect(own.file, func(n ast.Node) bool {
		name, ok := n.(*ast.Ident)
		used = used || ok && name.Name == r.Var
		return !used
	})
	if used {
		return fmt.Errorf("NAME: %s has another meaning in a resource's code: choose another", r.Var)
	}
	for _, f := range files {
		if path.Ext(f.name) == ".go" {
			if err := refuseDeclared(root, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func refuseDeclared(root string, f newFile) error {
	added, err := parse(f.name, f.text)
	if err != nil {
		return err
	}
	folder := filepath.Dir(f.name)
	names, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil {
		return err
	}
	for _, name := range names {
		there, err := readSource(root, filepath.Join(folder, filepath.Base(name)))
		if err != nil {
			return err
		}
		if there.file.Name.Name != added.file.Name.Name {
			continue
		}
		taken := declared(there.file)
		for _, spec := range there.file.Imports {
			taken = append(taken, importName(spec))
		}
		for _, name := range declared(added.file) {
			if slices.Contains(taken, name) {
				return fmt.Errorf("%s has the name %s already, which %s needs", there.files.File(there.file.Pos()).Name(), name, f.name)
			}
		}
	}
	return nil
}
