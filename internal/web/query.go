package web

import (
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
)

// readQuery reads the parameters that a request has. One that is a list may be
// repeated, all others are given once. Unknown ones are ignored, whatever is in
// them, unless they look like a known one misspelt: a filter that is ignored
// lists everything.
func (s *Schema) readQuery(raw string, into reflect.Value) error {
	const detail = "A query parameter is not allowed."
	query, faults := s.splitQuery(raw)
	for _, field := range *s.Fields {
		if slices.ContainsFunc(faults, func(f FieldError) bool { return f.Field == field.Name }) {
			continue
		}
		if message := field.readParameter(query[field.Name], into); message != "" {
			faults = append(faults, FieldError{field.Name, message})
		}
	}
	if faults != nil {
		return Broken(detail, faults...)
	}
	return nil
}

// splitQuery returns what is given for each known parameter, and what is wrong
// with the query apart from the values.
func (s *Schema) splitQuery(raw string) (query url.Values, faults []FieldError) {
	query = url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || name == "" {
			continue
		}
		known := slices.ContainsFunc(*s.Fields, func(f Field) bool { return f.Name == name })
		value, err = url.QueryUnescape(value)
		switch meant := s.meant(name); {
		case known && err != nil:
			faults = append(faults, FieldError{name, "is not percent-encoded correctly"})
		case known:
			query.Add(name, value)
		case meant != "":
			faults = append(faults, FieldError{short(name), "is not a parameter: did you mean " + meant + "?"})
		}
	}
	return query, faults
}

// meant returns the parameter of which an unknown one is a likely misspelling:
// two letters apart at most, or its beginning.
func (s *Schema) meant(name string) string {
	lower := strings.ToLower(name)
	if len(lower) > 64 {
		return ""
	}
	for _, field := range *s.Fields {
		apart := min(2, len(field.Name)/3)
		if levenshtein.Distance(lower, field.Name, nil) <= apart || len(lower) >= 4 && strings.HasPrefix(field.Name, lower) {
			return field.Name
		}
	}
	return ""
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
