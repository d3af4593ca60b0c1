package web

import (
	"fmt"
	"reflect"
)

// Types are the types that requests and answers are made of. Structs, and text
// types with Values, become Components when they are used.
type Types struct {
	Components Ordered
	rules      map[string]Rule
	known      map[use]*Schema
	places     map[use]string // the names among the components
	depth      int
}

// use: a struct of a request refuses unknown members, and its pointers are
// optional; those of an answer are always there, and can be null.
type use struct {
	typ     reflect.Type
	request bool
	values  string // of a `oneof` rule, after the field's name
}

// NewTypes returns no types yet. The rules are for `validate` tags.
func NewTypes(rules map[string]Rule) (*Types, error) {
	for name, rule := range rules {
		if err := rule.valid(); err != nil {
			return nil, fmt.Errorf("rule %s: %w", name, err)
		}
	}
	return &Types{rules: rules, known: map[use]*Schema{}, places: map[use]string{}}, nil
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

// component gives a type its place, and returns where that is.
func (t *Types) component(of use, doc Doc) Doc { return t.put(of, t.freeName(of), doc) }

// put leaves what has a place there.
func (t *Types) put(of use, name string, doc Doc) Doc {
	if first, placed := t.places[of]; placed {
		name = first
	} else {
		t.places[of] = name
		t.Components = append(t.Components, Member{name, doc})
	}
	return Doc{"$ref": "#/components/schemas/" + name}
}
