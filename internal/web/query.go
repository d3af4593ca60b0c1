package web

import (
	"net/url"
	"reflect"
)

// readQuery reads the parameters that a request has. One that is a list may be
// repeated, all others are given once.
func (s *Schema) readQuery(raw string, into reflect.Value) error {
	const detail = "A query parameter is not allowed."
	query, err := url.ParseQuery(raw)
	if err != nil {
		return Broken(detail, FieldError{"query", "is not percent-encoded correctly"})
	}
	var faults []FieldError
	for _, field := range *s.Fields {
		if message := field.readParameter(query[field.Name], into); message != "" {
			faults = append(faults, FieldError{field.Name, message})
		}
	}
	if faults != nil {
		return Broken(detail, faults...)
	}
	return nil
}

func (f Field) readParameter(given []string, into reflect.Value) string {
	list := f.json == "array"
	switch {
	case len(given) == 0:
		if !f.absent(into) {
			return "is required"
		}
		return ""
	case !list && (len(given) > 1 || given[0] == ""):
		return "must be given once, with a value"
	case !list:
		return f.parse(given[0], room(into.FieldByIndex(f.index)))
	}
	values := room(into.FieldByIndex(f.index))
	for _, text := range given {
		value := reflect.New(values.Type().Elem()).Elem()
		if message := f.elem.parse(text, value); message != "" {
			return message
		}
		values.Set(reflect.Append(values, value))
	}
	return f.broken(values)
}
