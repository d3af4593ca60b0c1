package web

import (
	"reflect"
	"testing"
)

// BenchmarkBind reads, checks and fills a struct like that of a small request.
func BenchmarkBind(b *testing.B) {
	types, err := NewTypes(testRules)
	if err != nil {
		b.Fatal(err)
	}
	type request struct {
		Title string  `json:"title" validate:"min=1,max=200,kind"`
		URL   string  `json:"url" validate:"min=1,maxbytes=2048"`
		Lang  *string `json:"language" validate:"max=100"`
	}
	s, err := types.Request(request{})
	if err != nil {
		b.Fatal(err)
	}
	body := []byte(`{"title":"Interview","url":"https://example.com/a.wav","language":"en"}`)
	b.ReportAllocs()
	for b.Loop() {
		var in request
		if err := s.bind(body, reflect.ValueOf(&in).Elem()); err != nil {
			b.Fatal(err)
		}
	}
}
