package main

import (
	"context"
	"errors"
	"fmt"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/mod/module"
)

// request is what the user asks for.
type request struct{ module, name, holder string }

// names are all forms of a service's name.
type names struct {
	module   string // example.org/you/note-book
	name     string // note-book: what logs, alerts, PostgreSQL and deployments call it
	title    string // Note Book: the document and its page
	database string // note_book: of the development database
}

// originalNames are those of the template, whose database leaves out the -api.
func originalNames(modulePath string) names {
	n := namesOf(modulePath, path.Base(modulePath))
	n.database = strings.TrimSuffix(n.database, "_api")
	return n
}

func namesOf(modulePath, name string) names {
	return names{module: modulePath, name: name, title: title(name), database: strings.ReplaceAll(name, "-", "_")}
}

func title(name string) string {
	words := strings.Split(name, "-")
	for i, word := range words {
		if word == "api" {
			words[i] = "API"
		} else {
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, " ")
}

// check returns the names that are asked for, or why they can not be given.
func (r request) check(ctx context.Context) (names, error) {
	if r.module == "" {
		return names{}, errors.New("MODULE is not given: make init MODULE=example.org/you/notes")
	}
	if err := module.CheckPath(r.module); err != nil {
		return names{}, fmt.Errorf("MODULE: %w", err)
	}
	name := r.name
	if name == "" {
		prefix, _, _ := module.SplitPathVersion(r.module) // CheckPath has seen to it
		name = path.Base(prefix)
	}
	if err := checkName(ctx, name); err != nil {
		return names{}, fmt.Errorf("NAME %q: %w", name, err)
	}
	if strings.ContainsFunc(r.holder, unicode.IsControl) {
		return names{}, errors.New("HOLDER: must be one line of text")
	}
	return namesOf(r.module, name), nil
}

// A name is also a label of Kubernetes and begins the dashboards' uids, which have
// 40 characters at most.
var namePattern = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

const maxName = 40 - len("-work")

// reserved are names that mean something else to the Go tool or to PostgreSQL.
var reserved = []string{"main", "internal", "vendor", "testdata", "cmd", "std", "all", "tool", "work", "postgres", "template0", "template1"}

func checkName(ctx context.Context, name string) error {
	switch {
	case len(name) > maxName || !namePattern.MatchString(name):
		return fmt.Errorf("must be lower-case letters, digits and single dashes, begin with a letter, and have at most %d characters", maxName)
	case token.IsKeyword(name) || slices.Contains(reserved, name):
		return errors.New("is reserved")
	}
	list, err := child(ctx, "", "go", "list", "std").Output()
	if err != nil {
		return fmt.Errorf("go list std: %w", err)
	}
	for _, pkg := range strings.Fields(string(list)) {
		if path.Base(pkg) == name && !strings.Contains(pkg, "internal/") && !strings.HasPrefix(pkg, "vendor/") {
			return fmt.Errorf("is a package of the standard library, %s", pkg)
		}
	}
	return nil
}
