package web

import (
	"fmt"
	"path"
	"reflect"
	"strings"
)

// Types are the types that requests and answers are made of. Structs, and text
// types with Values, become Components when they are used.
type Types struct {
	Components Ordered
	rules      map[string]Rule
	known      map[use]*Schema
	names      map[string]use
	depth      int
}

// use: a struct of a request refuses unknown members, and its pointers are
// optional; those of an answer are always there, and can be null.
type use struct {
	typ     reflect.Type
	request bool
}

// NewTypes returns no types yet. The rules are for `validate` tags.
func NewTypes(rules map[string]Rule) (*Types, error) {
	for name, rule := range rules {
		if err := rule.valid(); err != nil {
			return nil, fmt.Errorf("rule %s: %w", name, err)
		}
	}
	return &Types{rules: rules, known: map[use]*Schema{}, names: map[string]use{}}, nil
}

// Answer describes a value that is written. The error names the type and the
// field that the document has no words for.
func (t *Types) Answer(value any) (*Schema, error) { return t.of(reflect.TypeOf(value), false) }

// Request describes a struct that BindJSON reads. The error names the type and
// the field that can not be read.
func (t *Types) Request(value any) (*Schema, error) {
	s, err := t.of(reflect.TypeOf(value), true)
	if err == nil && s.Fields == nil {
		err = fmt.Errorf("type %v: a body is read into a struct", s.typ)
	}
	return s, err
}

// Query describes a struct of parameters that BindQuery reads.
func (t *Types) Query(value any) (*Schema, error) {
	s := &Schema{typ: reflect.TypeOf(value), Fields: new([]Field)}
	if s.typ.Kind() != reflect.Struct {
		return nil, fmt.Errorf("type %v: a query is read into a struct", s.typ)
	}
	return s, t.addFields(s, s.typ, nil, "query", true)
}

// component gives a named type its place, and returns where that is. A struct
// of answers and of requests has two.
func (t *Types) component(of use, doc Doc) Doc {
	name := componentName(of.typ)
	if other, taken := t.names[name]; taken && other.typ == of.typ && other != of {
		name += map[bool]string{true: "Input", false: "Output"}[of.request]
	}
	if other, taken := t.names[name]; taken && other != of {
		pkg := path.Base(of.typ.PkgPath())
		name = strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	if _, again := t.names[name]; !again {
		t.names[name] = of
		t.Components = append(t.Components, Member{name, doc})
	}
	return Doc{"$ref": "#/components/schemas/" + name}
}

// componentName makes ItemPage of Page[handlers.item]: the parts from last to
// first, without their packages.
func componentName(typ reflect.Type) string {
	var name string
	full := strings.ReplaceAll(typ.Name(), "[]", "List[")
	for part := range strings.FieldsFuncSeq(full, func(r rune) bool { return strings.ContainsRune("[]*,", r) }) {
		part, _, _ = strings.Cut(part[strings.LastIndexAny(part, "./")+1:], "·") // a function's own type has a number
		name = strings.ToUpper(part[:1]) + part[1:] + name
	}
	return name
}
