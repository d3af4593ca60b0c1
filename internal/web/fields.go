package web

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// structure describes a struct. A named one takes its place among the
// components before its fields are known: it may be inside itself.
func (t *Types) structure(s *Schema, request bool) error {
	s.is("object", "an object", "")
	of := use{typ: s.typ, request: request}
	if known := t.known[of]; known != nil {
		*s = *known
		s.Doc = maps.Clone(s.Doc)
		return nil
	}
	doc := s.Doc
	s.Fields = new([]Field)
	if s.typ.Name() != "" {
		s.Doc = t.component(of, doc)
		known := *s
		known.Doc = maps.Clone(s.Doc)
		t.known[of] = &known
	}
	if err := t.addFields(s, s.typ, nil, "json", request); err != nil {
		return err
	}
	properties, required := Ordered{}, []string{}
	for _, f := range *s.Fields {
		properties = append(properties, Member{f.Name, f.Doc})
		if f.Required {
			required = append(required, f.Name)
		}
	}
	doc["properties"] = properties
	if len(required) > 0 {
		doc["required"] = required
	}
	if request {
		doc["additionalProperties"] = false
	}
	return nil
}

// addFields adds a struct's fields, and those of the structs embedded in it.
func (t *Types) addFields(s *Schema, typ reflect.Type, index []int, tag string, request bool) error {
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get(tag), ",")
		at := append(slices.Clip(index), i)
		var err error
		switch embedded := f.Anonymous && name == ""; {
		case name == "-" || !embedded && !f.IsExported() && name == "":
			continue
		case embedded && f.Type.Kind() == reflect.Struct && !implements(f.Type, toText) && !implements(f.Type, toJSON):
			if err := t.addFields(s, f.Type, at, tag, request); err != nil {
				return err
			}
			continue
		case embedded:
			err = errors.New("embedded, only a plain struct is supported: give it a name")
		case !f.IsExported():
			err = errors.New("it has a tag and is not exported")
		case options != "" && options != "omitzero" && options != "omitempty":
			err = fmt.Errorf("the option %s is not supported", options)
		default:
			err = t.addField(s, f, at, tag, request)
		}
		if err != nil {
			return fmt.Errorf("type %v, field %s: %w", typ, f.Name, err)
		}
	}
	return nil
}

func (t *Types) addField(s *Schema, f reflect.StructField, index []int, tag string, request bool) error {
	name, options, _ := strings.Cut(f.Tag.Get(tag), ",")
	if name == "" {
		name = f.Name
	}
	if s.field(name) >= 0 {
		return fmt.Errorf("there are two fields %s", name)
	}
	// A parameter is optional unless it is said to be required.
	field, err := t.field(componentName(s.typ, false), f, tag == "query" || options != "", request)
	if err == nil && tag == "query" {
		err = field.fitsQuery()
	}
	field.Name, field.index = name, index
	*s.Fields = append(*s.Fields, field)
	return err
}

// field reads a field's tags. A pointer may be left out of a request; in an
// answer it is null unless it is omitted.
func (t *Types) field(owner string, f reflect.StructField, omit, request bool) (Field, error) {
	s, null, err := t.value(f.Type, request)
	if err != nil {
		return Field{}, err
	}
	out := Field{Schema: s}
	rules := f.Tag.Get("validate")
	if err := t.apply(s, place{owner, f.Name}, rules); err != nil {
		return out, err
	}
	pointer := f.Type.Kind() == reflect.Pointer
	if null && !pointer || pointer && !request && !omit {
		s.orNull()
	}
	if about, _ := s.Doc["description"].(string); about+f.Tag.Get("doc") != "" {
		s.Doc["description"] = strings.TrimSpace(f.Tag.Get("doc") + " " + about)
	}
	standard, hasDefault := f.Tag.Lookup("default")
	if hasDefault {
		s.Doc["default"], out.fallback, err = s.literal(standard)
		if err == nil && (s.elem != nil || s.Fields != nil || s.json == "" || standard == "null") {
			err = errors.New("only a single value can be one")
		}
		if err != nil {
			return out, fmt.Errorf("default %s: %w", standard, err)
		}
	}
	if text, ok := f.Tag.Lookup("example"); ok {
		example, _, err := s.literal(text)
		if err != nil {
			return out, fmt.Errorf("example %s: %w", text, err)
		}
		s.Doc["examples"] = []any{example}
	}
	out.Required = !omit && (!request || !null && !hasDefault) || slices.Contains(strings.Split(rules, ","), "required")
	return out, nil
}

// literal reads a tag's value: JSON, but for texts, which have no quotes.
func (s *Schema) literal(text string) (rawJSON, reflect.Value, error) {
	value, into := rawJSON(text), reflect.New(s.typ).Elem()
	if s.json == "string" && text != "null" {
		value = quote(text)
	}
	if err := checkJSON(value); err != nil || s.text && !implements(s.typ, fromText) { // an answer's is never read
		return value, into, err
	}
	r := reader{dec: newDecoder(value)}
	if s.read(&r, into); len(r.faults) > 0 {
		return nil, into, errors.New(r.faults[0].Message)
	}
	return value, into, nil
}

// field returns the field's number, or -1.
func (s *Schema) field(name string) int {
	return slices.IndexFunc(*s.Fields, func(f Field) bool { return f.Name == name })
}

func (f Field) fitsQuery() error {
	s := f.Schema
	if s.json == "array" {
		s = s.elem
	}
	if s.Fields != nil || s.elem != nil || s.json == "" || s.null {
		return errors.New("a parameter is a single value or a list of them")
	}
	return nil
}
