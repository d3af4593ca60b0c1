package web

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// reader reads a document that checkJSON has passed, and collects what is wrong
// with it. Faults are in the order of the type, not of the document.
type reader struct {
	dec    *jsonDecoder
	faults []fault
}

// fault is malformed, a 400, if the value is not of the type: else it breaks a rule.
type fault struct {
	FieldError
	place     int
	malformed bool
}

// maxFaults keeps a large body with a fault in each of its elements from an even
// larger answer. A malformed value is heard of beyond it, as it decides the status.
const maxFaults = 50

func (r *reader) fail(malformed bool, message string) {
	if n := len(r.faults); n >= 2*maxFaults || n >= maxFaults && !malformed {
		return
	}
	r.faults = append(r.faults, fault{FieldError{"", message}, 0, malformed})
}

// within says where the faults since mark were found.
func (r *reader) within(mark, place int, name string) {
	for i := range r.faults[mark:] {
		f := &r.faults[mark+i]
		if f.Field != "" && f.Field[0] != '[' {
			f.Field = "." + f.Field
		}
		f.Field, f.place = name+f.Field, place
	}
}

// room is where the value goes: behind pointers, in a Nullable.
func room(v reflect.Value) reflect.Value {
	if v.Kind() == reflect.Struct {
		if holder, ok := v.Addr().Interface().(holder); ok {
			v = reflect.ValueOf(holder.hold()).Elem()
		}
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	return v
}

// read reads the next value of the document into v.
func (s *Schema) read(r *reader, v reflect.Value) {
	kind := r.dec.PeekKind()
	switch {
	case kind == 'n' && (s.json != "" || s.null):
		_ = r.dec.SkipValue()
		if !s.null {
			r.fail(false, "must not be null")
		} else if h, ok := v.Addr().Interface().(holder); ok {
			h.hold()
		}
	case s.json == "":
		s.readAny(r, room(v))
	case s.json != jsonTypes[kind] && (s.json != "integer" || kind != '0'):
		_ = r.dec.SkipValue()
		message := "must be " + s.noun
		if kind == '"' && (s.json == "number" || s.json == "integer") {
			message += ", without quotes"
		}
		r.fail(true, message)
	default:
		s.readValue(r, room(v))
	}
}

var jsonTypes = map[jsonKind]string{'t': "boolean", 'f': "boolean", '0': "number", '"': "string", '[': "array", '{': "object"}

func (s *Schema) readAny(r *reader, v reflect.Value) {
	value, _ := r.dec.ReadValue()
	if s.typ == rawType {
		v.SetBytes(slices.Clone(value))
		return
	}
	_ = readAny(value, v.Addr().Interface())
}

// readValue reads a value of the right JSON type and applies the rules.
func (s *Schema) readValue(r *reader, v reflect.Value) {
	mark := len(r.faults)
	token, _ := r.dec.ReadToken()
	switch {
	case s.Fields != nil:
		s.readObject(r, v)
	case s.json == "object":
		s.readMap(r, v)
	case s.json == "array":
		s.readList(r, v)
	default:
		text := token.String()
		if s.json == "integer" {
			text = whole(text)
		}
		if message := s.set(text, v); message != "" {
			r.fail(s.json == "integer" && message == "must be "+s.noun, message)
		}
	}
	if len(r.faults) == mark {
		if message := s.broken(v); message != "" {
			r.fail(false, message)
		}
	}
}

// whole rewrites 1.0 and 1e3, which are integers in JSON Schema.
func whole(text string) string {
	if !strings.ContainsAny(text, ".eE") {
		return text
	}
	f, _ := strconv.ParseFloat(text, 64)
	if f = max(-math.MaxFloat64, min(f, math.MaxFloat64)); f != math.Trunc(f) {
		return text
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}

func (s *Schema) readObject(r *reader, v reflect.Value) {
	mark, given := len(r.faults), make([]bool, len(*s.Fields))
	for r.dec.PeekKind() != '}' {
		token, _ := r.dec.ReadToken()
		name, at := token.String(), len(r.faults)
		i := s.field(name)
		if i < 0 {
			_ = r.dec.SkipValue()
			r.fail(true, "unknown: allowed are "+strings.Join(s.names(), ", "))
			r.within(at, len(given), short(name))
			continue
		}
		given[i] = true
		field := (*s.Fields)[i]
		field.read(r, v.FieldByIndex(field.index))
		r.within(at, i, name)
	}
	_, _ = r.dec.ReadToken()
	for i, field := range *s.Fields {
		if !given[i] && !field.absent(v) {
			at := len(r.faults)
			r.fail(false, "is required")
			r.within(at, i, field.Name)
		}
	}
	slices.SortStableFunc(r.faults[mark:], func(a, b fault) int { return a.place - b.place })
}

// absent sets the default. It reports whether the field may be left out.
func (f Field) absent(v reflect.Value) bool {
	if f.fallback.IsValid() {
		room(v.FieldByIndex(f.index)).Set(f.fallback)
	}
	return !f.Required
}

func (s *Schema) names() (names []string) {
	for _, field := range *s.Fields {
		names = append(names, field.Name)
	}
	return names
}

func (s *Schema) readMap(r *reader, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	for r.dec.PeekKind() != '}' {
		token, _ := r.dec.ReadToken()
		at, name := len(r.faults), token.String()
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		if message := s.key.parse(name, key); message != "" {
			r.fail(false, "its name "+message)
		}
		s.elem.read(r, value)
		r.within(at, 0, short(name))
		v.SetMapIndex(key, value)
	}
	_, _ = r.dec.ReadToken()
}

func (s *Schema) readList(r *reader, v reflect.Value) {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	for i := 0; r.dec.PeekKind() != ']'; i++ {
		at, value := len(r.faults), reflect.New(v.Type().Elem()).Elem()
		s.elem.read(r, value)
		r.within(at, 0, "["+strconv.Itoa(i)+"]")
		v.Set(reflect.Append(v, value))
	}
	_, _ = r.dec.ReadToken()
}
