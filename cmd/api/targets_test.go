package main

import (
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// listedTargets are those that make help lists, by group.
func listedTargets(t *testing.T) map[string][]string {
	t.Helper()
	out, err := runMake(t, "help")
	if err != nil {
		t.Fatalf("make help: %v\n%s", err, out)
	}
	groups, group := map[string][]string{}, ""
	for line := range strings.Lines(out) {
		if match := regexp.MustCompile(`^  make ([a-z-]+) +\S`).FindStringSubmatch(line); match != nil {
			groups[group] = append(groups[group], match[1])
		} else {
			group = strings.TrimSpace(line)
		}
	}
	return groups
}

func runMake(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", append([]string{"--no-print-directory", "-C", "../.."}, args...)...)
	cmd.Env = append(cmd.Environ(), "MAKEFLAGS=", "MAKELEVEL=0")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestHelp: every target that is described is listed once, in a group, and make knows how to make it.
func TestHelp(t *testing.T) {
	t.Parallel()
	var listed []string
	for group, targets := range listedTargets(t) {
		if !slices.Contains([]string{"Everyday", "Template", "Test", "Operate"}, group) {
			t.Errorf("%q is no group: %q", group, targets)
		}
		listed = append(listed, targets...)
	}
	var described []string
	for _, match := range regexp.MustCompile(`(?m)^([^\s#:]+):[^=].*## `).FindAllStringSubmatch(read(t, "../../Makefile"), -1) {
		described = append(described, match[1])
	}
	slices.Sort(listed)
	slices.Sort(described)
	if !slices.Equal(listed, described) {
		t.Errorf("listed are    %q\ndescribed are %q", listed, described)
	}
	for _, target := range listed {
		if out, err := runMake(t, "-n", target); err != nil || out == "" {
			t.Errorf("make -n %s: %v\n%s", target, err, out)
		}
	}
}

// TestNamedTargets: the documents name no target that make does not have.
func TestNamedTargets(t *testing.T) {
	t.Parallel()
	listed := slices.Concat(slices.Collect(maps.Values(listedTargets(t)))...)
	named := 0
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../ops/*/*.md", "../../.env.example"} {
		documents, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range documents {
			for _, match := range regexp.MustCompile("(?:[`\"]|\\$ |&& )make ([a-z][a-z-]*)").FindAllStringSubmatch(read(t, document), -1) {
				if named++; !slices.Contains(listed, match[1]) {
					t.Errorf("%s: make %s: no such target", document, match[1])
				}
			}
		}
	}
	if named < 10 {
		t.Errorf("%d targets are named: are they read?", named)
	}
}
