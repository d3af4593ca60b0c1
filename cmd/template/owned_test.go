package main

import "testing"

func TestOwned(t *testing.T) {
	t.Parallel()
	o := parseOwned([]byte("# a comment\n\nlib/\n  run\nops/*.yml\n!lib/own/\nlib/own/not\n[\n"))
	for name, want := range map[string]bool{
		"lib/a": true, "lib/b/c": true, "run": true, "ops/a.yml": true, "lib/own/not": true,
		"lib": false, "library": false, "a/run": false, "ops/a/b.yml": false, "lib/own/a": false, "# a comment": false,
	} {
		if got := o.has(name); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
