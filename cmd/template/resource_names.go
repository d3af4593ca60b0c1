package main

import (
	"errors"
	"fmt"
	"go/build"
	"go/token"
	"go/types"
	"io"
	"regexp"
	"slices"
	"strings"
)

// resource are all forms of a resource's name.
type resource struct {
	Module   string
	Singular string // audio file
	Plural   string // audio files
	A        string // an audio file
	Table    string // audio_files
	Path     string // /audio-files
	Var      string // audioFile
	Type     string // AudioFile
	Types    string // AudioFiles
}

var resourcePattern = regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`)

// newResource returns the forms of a name, or why it can not be one.
func newResource(module, name, plural string) (resource, error) {
	if name == "" {
		return resource{}, errors.New("NAME is not given: make resource NAME=note")
	}
	if plural == "" {
		plural = pluralOf(name)
	}
	for variable, value := range map[string]string{"NAME": name, "PLURAL": plural} {
		if !resourcePattern.MatchString(value) {
			return resource{}, fmt.Errorf("%s %q: must be lower-case letters, words joined by _, such as audio_file", variable, value)
		}
		if !plainFile(value) {
			return resource{}, fmt.Errorf("%s %q: Go would build %s.go in a test or on some systems only", variable, value, value)
		}
		if slices.Contains(reservedBySQL, value) || slices.Contains(servedPaths, value) {
			return resource{}, fmt.Errorf("%s %q: is reserved", variable, value)
		}
	}
	article := "a"
	if strings.ContainsRune("aeiou", rune(name[0])) {
		article = "an"
	}
	r := resource{
		Module: module, Singular: words(name), Plural: words(plural), A: article + " " + words(name),
		Table: plural, Path: "/" + strings.ReplaceAll(plural, "_", "-"), Type: camel(name), Types: camel(plural),
	}
	r.Var = strings.ToLower(r.Type[:1]) + r.Type[1:]
	if token.IsKeyword(r.Var) || types.Universe.Lookup(r.Var) != nil {
		return r, fmt.Errorf("NAME %q: means something in Go", name)
	}
	return r, nil
}

func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

func camel(name string) string {
	var out strings.Builder
	for word := range strings.SplitSeq(name, "_") {
		out.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return out.String()
}

// pluralOf knows the rules; PLURAL is for the exceptions.
func pluralOf(name string) string {
	for _, hissing := range []string{"s", "x", "z", "ch", "sh"} {
		if strings.HasSuffix(name, hissing) {
			return name + "es"
		}
	}
	if stem, ok := strings.CutSuffix(name, "y"); ok && stem != "" && !strings.ContainsRune("aeiou", rune(stem[len(stem)-1])) {
		return stem + "ies"
	}
	return name + "s"
}

// plainFile reports that name.go is built everywhere: audio_test.go and
// audio_windows.go are not.
func plainFile(name string) bool {
	nowhere := build.Default
	nowhere.GOOS, nowhere.GOARCH = "none", "none"
	nowhere.OpenFile = func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("package p")), nil }
	matches, err := nowhere.MatchFile("", name+".go")
	return err == nil && matches && !strings.HasSuffix(name, "_test")
}

// servedPaths are those of the machinery.
var servedPaths = []string{"health", "docs", "metrics", "debug", "dev"}

// reservedBySQL are the words that PostgreSQL takes for no table's name.
var reservedBySQL = strings.Fields(`all analyse analyze and any array as asc asymmetric both case cast check collate column
	constraint create default deferrable desc distinct do else end except false fetch for foreign from grant group having in
	initially intersect into lateral leading limit localtime localtimestamp not null offset on only or order placing primary
	references returning select session_user some symmetric table then to trailing true union unique user using variadic when
	where window with`)
