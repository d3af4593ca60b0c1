package web

import (
	"path"
	"reflect"
	"strconv"
	"strings"
)

// freeName returns a component's name that no other type has. A struct of
// answers and of requests has two, a namesake from another package says which,
// and what is left is numbered.
func (t *Types) freeName(of use) string {
	name := componentName(of.typ, false)
	other := of
	if other.request = !of.request; t.places[other] != "" {
		name += map[bool]string{true: "Input", false: "Output"}[of.request]
	}
	return t.numbered(name, componentName(of.typ, true))
}

// numbered returns the first of name, stem, stem2, stem3 and so on that is free.
func (t *Types) numbered(name, stem string) string {
	taken := map[string]bool{}
	for _, other := range t.places {
		taken[other] = true
	}
	for n := 1; taken[name]; n++ {
		name = stem
		if n > 1 {
			name += strconv.Itoa(n)
		}
	}
	return name
}

// componentName makes NotePage of Page[handlers.note]: the parts from last to
// first, each with its package if it is to be told from a namesake.
func componentName(typ reflect.Type, whole bool) string {
	var name string
	full := typ.PkgPath() + "." + strings.ReplaceAll(typ.Name(), "[]", "List[")
	for part := range strings.FieldsFuncSeq(full, func(r rune) bool { return strings.ContainsRune("[]*, {};", r) }) {
		part, _, _ = strings.Cut(part, "·") // a function's own type has a number
		dot := strings.LastIndexByte(part, '.')
		own := capital(part[dot+1:])
		if whole && dot > 0 {
			own = capital(path.Base(part[:dot])) + own
		}
		name = own + name
	}
	return name
}

// capital leaves out what a component's name can not have.
func capital(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, text)
	return strings.ToUpper(text[:min(1, len(text))]) + text[min(1, len(text)):]
}
