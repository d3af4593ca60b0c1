package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"go/format"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/modfile"
)

// marker holds the template's module path, and is there until a clone is named:
// go.mod does not tell, since gonew has changed that already.
const marker = "cmd/template/unnamed"

// initialize names the clone at root, or changes nothing.
func initialize(ctx context.Context, root string, r request, stdout io.Writer) error {
	current, err := currentModule(root)
	if err != nil {
		return err
	}
	original, err := os.ReadFile(filepath.Join(root, marker))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("this clone has its name already: %s", current)
	}
	if err != nil {
		return err
	}
	wanted, err := r.check(ctx)
	if err != nil {
		return err
	}
	files, err := cleanTree(ctx, root)
	if err != nil {
		return err
	}
	rename := renamer(originalNames(strings.TrimSpace(string(original))), wanted, current)
	changes, err := rewrite(ctx, root, files, wanted, func(name string, data []byte) ([]byte, error) {
		return edit(name, data, rename, r.holder)
	})
	if err != nil {
		return err
	}
	if err := apply(changes); err != nil {
		return err
	}
	tell(stdout, wanted, r.holder)
	return nil
}

// rewrite plans the edits, and a lock that knows what they make of the template's files.
func rewrite(ctx context.Context, root string, files []string, n names, edit func(string, []byte) ([]byte, error)) ([]change, error) {
	list, err := os.ReadFile(filepath.Join(root, ownedFile))
	if err != nil {
		return nil, err
	}
	l, err := newLock(ctx, root, n)
	if err != nil {
		return nil, err
	}
	template := parseOwned(list)
	changes, err := plan(root, files, func(name string, data []byte) ([]byte, error) {
		after, err := edit(name, data)
		if after != nil && template.has(name) {
			l.files[name] = hash(after)
		}
		return after, err
	})
	return append(changes, change{path: filepath.Join(root, lockFile), after: l.text()}), err
}

func currentModule(root string) (string, error) {
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	if path := modfile.ModulePath(data); path != "" {
		return path, nil
	}
	return "", errors.New("go.mod: no module path")
}

// renamer replaces in one pass, longer names first: what has been put in is
// not looked at again.
func renamer(from, to names, current string) *strings.Replacer {
	pairs := []string{from.module, to.module}
	if current != from.module {
		pairs = append(pairs, current+"/internal/", to.module+"/internal/", "module "+current+"\n", "module "+to.module+"\n")
	}
	return strings.NewReplacer(append(pairs, from.name, to.name, from.title, to.title, from.database, to.database)...)
}

var (
	offer     = regexp.MustCompile(`(?s)<!-- init -->\n.*?<!-- /init -->\n\n?|<!-- init -->.*?<!-- /init -->`) // lines, or words within one
	contact   = regexp.MustCompile(`(Contact\{Name: )".*"(, URL: ".*"), Email: ".*"\}`)
	copyright = regexp.MustCompile(`(?m)^Copyright \(c\) \d+ .*$`)
)

// edit returns what a file becomes; nil removes it.
func edit(name string, data []byte, rename *strings.Replacer, holder string) ([]byte, error) {
	if name == marker {
		return nil, nil
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return data, nil // not text
	}
	switch name {
	case "README.md":
		data = offer.ReplaceAll(data, nil)
	case apiFile: // nobody's mail address is made up
		data = contact.ReplaceAll(data, []byte("${1}"+strings.ReplaceAll(strconv.Quote(cmp.Or(holder, "The maintainers")), "$", "$$")+"${2}}"))
	case "LICENSE":
		if holder != "" {
			line := fmt.Sprintf("Copyright (c) %d %s", time.Now().Year(), holder)
			return copyright.ReplaceAllLiteral(data, []byte(line)), nil
		}
	}
	renamed := []byte(rename.Replace(string(data)))
	if filepath.Ext(name) != ".go" || bytes.Equal(renamed, data) {
		return renamed, nil
	}
	// Columns and the order of imports follow the length and letters of names.
	return format.Source(renamed)
}

func tell(stdout io.Writer, n names, holder string) {
	fmt.Fprintf(stdout, "this is %s now, module %s\n", n.name, n.module)
	if holder == "" {
		fmt.Fprintf(stdout, "LICENSE names %q as the holder: put yours there\n", "The "+n.name+" authors")
	}
	fmt.Fprintln(stdout, "next: make lint test, then git add -A && git commit")
}
