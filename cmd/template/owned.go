package main

import (
	"bufio"
	"bytes"
	"path"
	"strings"
)

// ownedFile lists what the template owns. Each version has its own, so that an
// upgrade knows of rooms that the clone's program has never heard of.
const ownedFile = "cmd/template/owned"

type owned []string

func parseOwned(text []byte) (o owned) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" && line[0] != '#' {
			o = append(o, line)
		}
	}
	return o
}

// has tells whether a file is the template's: by the last pattern that matches.
func (o owned) has(name string) (is bool) {
	for _, pattern := range o {
		pattern, out := strings.CutPrefix(pattern, "!")
		match, _ := path.Match(pattern, name) // a bad pattern matches nothing
		if match || strings.HasSuffix(pattern, "/") && strings.HasPrefix(name, pattern) {
			is = !out
		}
	}
	return is
}
