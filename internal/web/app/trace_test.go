package app_test

import (
	"testing"

	"example.com/transcription-api/internal/web/app"
)

func TestTraceparent(t *testing.T) {
	t.Parallel()
	const id, parent, zeros = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", "00000000000000000000000000000000"
	tests := map[string]struct {
		values []string
		want   string
	}{
		"version 00":         {[]string{"00-" + id + "-" + parent + "-01"}, id},
		"a later version":    {[]string{"cc-" + id + "-" + parent + "-01-more"}, id},
		"later, no more":     {[]string{"cc-" + id + "-" + parent + "-01"}, id},
		"none":               {nil, ""},
		"empty":              {[]string{""}, ""},
		"version ff":         {[]string{"ff-" + id + "-" + parent + "-01"}, ""},
		"00 with more":       {[]string{"00-" + id + "-" + parent + "-01-more"}, ""},
		"later, stuck on":    {[]string{"cc-" + id + "-" + parent + "-01more"}, ""},
		"zero trace id":      {[]string{"00-" + zeros + "-" + parent + "-01"}, ""},
		"zero parent id":     {[]string{"00-" + id + "-" + zeros[:16] + "-01"}, ""},
		"capitals":           {[]string{"00-4BF92F3577B34DA6A3CE929D0E0E4736-" + parent + "-01"}, ""},
		"short":              {[]string{"00-" + id[1:] + "-" + parent + "-01"}, ""},
		"no flags":           {[]string{"00-" + id + "-" + parent}, ""},
		"something in front": {[]string{"x00-" + id + "-" + parent + "-01"}, ""},
		"twice":              {[]string{"00-" + id + "-" + parent + "-01", "00-" + id + "-" + parent + "-01"}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := app.ParseTraceparent(test.values); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
