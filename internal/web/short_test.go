package web

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestLongNamesComeBackCut: a name can be as long as a body, and an answer
// repeats it for each fault.
func TestLongNamesComeBackCut(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("ä", 500_000) // cut in the middle of no letter
	for _, row := range []struct {
		typ  reflect.Type
		body string
		want string
	}{
		{reflect.TypeFor[string](), `{"` + name + `":1}`, name[:maxShort] + "…"},
		{reflect.TypeFor[string](), `{"x` + name + `":1}`, "x" + name[:maxShort-2] + "…"},
		{reflect.TypeFor[string](), `{"` + name + `":1,"` + name + `":1}`, name[:maxShort] + "…"},
		{reflect.TypeFor[map[string]int](), `{"v":{"` + name + `":"x"}}`, "v." + name[:maxShort] + "…"},
		{reflect.TypeFor[string](), `{"` + name[:maxShort] + `":1}`, name[:maxShort]},
	} {
		s, err := newTypes(t).Request(one(row.typ, ""))
		if err != nil {
			t.Fatal(err)
		}
		problem, ok := errors.AsType[*Problem](s.bind([]byte(row.body), reflect.New(s.typ).Elem()))
		if !ok || len(problem.Errors) != 1 || problem.Errors[0].Field != row.want || !utf8.ValidString(problem.Errors[0].Field) {
			t.Errorf("%.20s: %.300v", row.body, problem)
		}
	}
}
