package web

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"
)

// Doc is a JSON Schema, in the dialect of OpenAPI 3.1, or a part of the document.
type Doc map[string]any

// Ordered is a JSON object whose members keep their order.
type Ordered []Member

// Member is a member of an Ordered object.
type Member struct {
	Name  string
	Value any
}

// MarshalJSON writes the members in order.
func (o Ordered) MarshalJSON() ([]byte, error) {
	out := bytes.NewBufferString("{")
	for i, m := range o {
		value, err := Marshal(m.Value)
		if err != nil {
			return nil, err
		}
		out.WriteString(","[:min(i, 1)])
		out.Write(append(append(quote(m.Name), ':'), value...))
	}
	return append(out.Bytes(), '}'), nil
}

// Schema is how a Go type is read from requests, checked and described.
type Schema struct {
	Doc    Doc
	Fields *[]Field // of a struct; shared by its uses, as it may be inside itself

	typ       reflect.Type // neither a pointer nor a Nullable
	json      string       // the JSON type; "" is any
	noun      string       // what a value must be: "a string"
	null      bool         // takes null
	text      bool         // read by UnmarshalText
	low, high string       // the least and the greatest integer
	key, elem *Schema      // of a map or list
	rules     []check
}

// Field is a member of a struct, or a parameter.
type Field struct {
	*Schema
	Name     string
	Required bool
	index    []int
	fallback reflect.Value // the default
}

var (
	timeType = reflect.TypeFor[time.Time]()
	rawType  = reflect.TypeFor[json.RawMessage]()
	holds    = reflect.TypeFor[holder]()
	toText   = reflect.TypeFor[encoding.TextMarshaler]()
	fromText = reflect.TypeFor[encoding.TextUnmarshaler]()
	toJSON   = reflect.TypeFor[json.Marshaler]()
	fromJSON = reflect.TypeFor[json.Unmarshaler]()
)

func implements(typ, method reflect.Type) bool { return reflect.PointerTo(typ).Implements(method) }

// unwrap returns what is behind a pointer or in a Nullable.
func unwrap(typ reflect.Type) (inner reflect.Type, null bool) {
	if typ.Kind() == reflect.Pointer {
		return typ.Elem(), true
	}
	if implements(typ, holds) {
		return reflect.TypeOf(reflect.New(typ).Interface().(holder).hold()).Elem().Elem(), true
	}
	return typ, false
}

// of returns the schema of a type, for its caller to change.
func (t *Types) of(typ reflect.Type, request bool) (*Schema, error) {
	s, null, err := t.value(typ, request)
	if null && err == nil {
		s.orNull()
	}
	return s, err
}

// value leaves null to the caller: rules are for what is not null.
func (t *Types) value(typ reflect.Type, request bool) (s *Schema, null bool, err error) {
	inner, null := unwrap(typ)
	if _, twice := unwrap(inner); twice {
		return nil, null, fmt.Errorf("%v is not supported: it can be null in two ways", typ)
	}
	if t.depth++; t.depth > 100 {
		return nil, null, fmt.Errorf("%v is not supported: it is inside itself", typ)
	}
	defer func() { t.depth-- }()
	s = &Schema{Doc: Doc{}, typ: inner}
	return s, null, t.describe(s, request)
}

func (s *Schema) orNull() {
	s.null = true
	if ref := s.Doc["$ref"]; ref != nil {
		delete(s.Doc, "$ref")
		s.Doc["anyOf"] = []Doc{{"$ref": ref}, {"type": "null"}}
	} else if s.json != "" {
		s.Doc["type"] = []string{s.json, "null"}
	}
}

func (s *Schema) is(kind, noun, format string) {
	s.json, s.noun, s.Doc["type"] = kind, noun, kind
	if format != "" {
		s.Doc["format"] = format
	}
}

// describe finds out what JSON a type is. Like package json, it asks first for
// methods and then for the kind.
func (t *Types) describe(s *Schema, request bool) error {
	typ, zero := s.typ, reflect.Zero(s.typ)
	switch kind := typ.Kind(); {
	case typ == timeType:
		s.is("string", "a time with its zone, such as 2026-11-22T22:23:00Z", "date-time")
		s.text = true
	case typ == rawType || kind == reflect.Interface && typ.NumMethod() == 0:
	case implements(typ, toJSON) || implements(typ, fromJSON):
		return fmt.Errorf("%v is not supported: its JSON is made by its own methods; give it MarshalText and UnmarshalText", typ)
	case implements(typ, toText) || implements(typ, fromText):
		return s.isText(request)
	case typ == reflect.TypeFor[time.Duration]():
		return fmt.Errorf("%v is not supported: use a number, and name its unit", typ)
	case kind == reflect.Bool:
		s.is("boolean", "true or false", "")
	case zero.CanInt():
		least := int64(math.MinInt64) >> (64 - typ.Bits())
		s.isInteger("int", strconv.FormatInt(least, 10), strconv.FormatInt(-(least+1), 10))
	case zero.CanUint() && kind != reflect.Uintptr:
		s.isInteger("uint", "0", strconv.FormatUint(math.MaxUint64>>(64-typ.Bits()), 10))
	case zero.CanFloat():
		s.is("number", "a number", map[int]string{32: "float", 64: "double"}[typ.Bits()])
	case kind == reflect.String:
		s.is("string", "a string", "")
		t.enum(s)
	case kind == reflect.Slice && typ.Elem().Kind() == reflect.Uint8:
		s.is("string", "bytes in base64", "byte")
		s.Doc["contentEncoding"] = "base64"
	case kind == reflect.Slice:
		s.is("array", "a list", "")
		return t.elements(s, "items", request)
	case kind == reflect.Map:
		s.is("object", "an object", "")
		return t.elements(s, "additionalProperties", request)
	case kind == reflect.Struct:
		return t.structure(s, request)
	default:
		return fmt.Errorf("%v is not supported", typ)
	}
	return nil
}

// isText is for types that are texts in JSON.
func (s *Schema) isText(request bool) error {
	if request && !implements(s.typ, fromText) || !request && !s.typ.Implements(toText) {
		return fmt.Errorf("%v is not supported here: it needs both MarshalText and UnmarshalText", s.typ)
	}
	s.text = true
	s.is("string", "a valid "+s.typ.Name(), "")
	if described, ok := reflect.Zero(s.typ).Interface().(Described); ok {
		format, pattern, example := described.Describe()
		s.is("string", "a "+format+", such as "+example, format)
		s.Doc["examples"] = []string{example}
		if pattern != "" {
			s.Doc["pattern"] = pattern
		}
	} else if s.typ.Kind() == reflect.Array && s.typ.Len() == 16 && s.typ.Name() == "UUID" {
		s.is("string", "a UUID, such as 0193553e-7c58-7cc1-a6b1-2a1f3c8d9e10", "uuid")
	}
	return nil
}

// isInteger says the bounds, but for those of 64 bits: the format means them,
// and JavaScript, which reads them as floats, would get them wrong.
func (s *Schema) isInteger(sign, low, high string) {
	s.is("integer", "a whole number", sign+strconv.Itoa(s.typ.Bits()))
	s.low, s.high = low, high
	if s.typ.Bits() < 64 || low == "0" {
		s.Doc["minimum"] = rawJSON(low)
	}
	if s.typ.Bits() < 64 {
		s.Doc["maximum"] = rawJSON(high)
	}
}

func (t *Types) elements(s *Schema, keyword string, request bool) (err error) {
	if s.json == "object" {
		if s.key, err = t.of(s.typ.Key(), request); err != nil {
			return err
		}
		if s.key.json != "string" {
			return fmt.Errorf("%v is not supported: its keys are no texts", s.typ)
		}
	}
	if s.elem, err = t.of(s.typ.Elem(), request); err == nil {
		s.Doc[keyword] = s.elem.Doc
	}
	return err
}

// enum is for a named text type that lists its values: func (T) Values() []T.
func (t *Types) enum(s *Schema) {
	method, ok := s.typ.MethodByName("Values")
	if !ok || method.Type.NumIn() != 1 || method.Type.NumOut() != 1 || method.Type.Out(0) != reflect.SliceOf(s.typ) {
		return
	}
	var values []string
	for _, value := range method.Func.Call([]reflect.Value{reflect.Zero(s.typ)})[0].Seq2() {
		values = append(values, value.String())
	}
	s.allowOnly(values)
	s.Doc = t.component(use{typ: s.typ}, Doc{"type": "string", "enum": values})
}
