package web

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Rule is a check of texts that `validate` tags name.
type Rule struct {
	// Check returns what is wrong with a text, for the client: "must not end with
	// a dot", or "" for one that passes. It has a sentence for each way to be wrong.
	Check   func(text string) (fault string)
	Message string // what a text must be, in the document: "must be …"
	// Pattern is what the document shows; empty: nothing but the message. It may
	// allow more than the rule, never less.
	Pattern string
}

// ambiguous are parts of patterns that stand for other characters in Go, in
// JavaScript and in PostgreSQL, or that one of them does not know.
var (
	ambiguous = regexp.MustCompile(`\\[sSwWdDbBpPkAzZ]|\(\?|(?:^|[^\\])\.`)
	dotInList = regexp.MustCompile(`(\[[^\]]*)\.`) // stands for itself
)

func (r Rule) valid() error {
	if r.Check == nil || r.Message == "" {
		return errors.New("it needs Check and Message")
	}
	if part := ambiguous.FindString(dotInList.ReplaceAllString(r.Pattern, "$1")); part != "" {
		return fmt.Errorf("the pattern %s has %s, which is not the same everywhere: list the characters, or leave it to the message", r.Pattern, part)
	}
	_, err := regexp.Compile(r.Pattern)
	return err
}

// check is a rule of one field: what is wrong with a value, or "".
type check func(value reflect.Value) (fault string)

func (s *Schema) addCheck(c check) { s.rules = append(s.rules[:len(s.rules):len(s.rules)], c) }

// add adds a rule that has one sentence for whatever it does not allow.
func (s *Schema) add(message string, allows func(reflect.Value) bool) {
	s.addCheck(func(v reflect.Value) string {
		if allows(v) {
			return ""
		}
		return message
	})
}

// explain tells the reader what no keyword of the document says.
func (s *Schema) explain(message string) {
	before, _ := s.Doc["description"].(string)
	s.Doc["description"] = strings.TrimSpace(before + " " + strings.ToUpper(message[:1]) + message[1:] + ".")
}

// place is where rules stand: in which struct, at which field.
type place struct{ owner, field string }

// apply adds the rules of a `validate` tag. What follows dive is for elements.
func (t *Types) apply(s *Schema, at place, tag string) error {
	own, inner, dive := strings.Cut(","+tag+",", ",dive,")
	for part := range strings.SplitSeq(strings.Trim(own, ","), ",") {
		name, param, _ := strings.Cut(part, "=")
		if err := t.applyRule(s, at, name, param); err != nil {
			return fmt.Errorf("rule %s: %w", part, err)
		}
	}
	if !dive {
		return nil
	}
	if s.elem == nil {
		return errors.New("rule dive: there are no elements")
	}
	err := t.apply(s.elem, at, strings.Trim(inner, ","))
	if s.elem.null {
		s.elem.orNull()
	}
	return err
}

func (t *Types) applyRule(s *Schema, at place, name, param string) error {
	rule, own := t.rules[name]
	switch {
	case name == "" || name == "required" && (s.elem == nil && s.typ.Kind() != reflect.String):
		return nil
	case name == "required":
		return s.bound("min", "1")
	case name == "min" || name == "max" || name == "gt" || name == "lt":
		return s.bound(name, param)
	case name == "oneof" && s.typ.Kind() == reflect.String && !s.text:
		t.oneOf(s, at, strings.Fields(param))
	case name == "unique" && s.json == "array" && s.elem.single():
		s.Doc["uniqueItems"] = true
		s.add("must not have the same value twice", unique)
	case name == "maxbytes" && s.typ.Kind() == reflect.String:
		limit, err := strconv.Atoi(param)
		if s.Doc["maxLength"] == nil { // a character takes a byte at least
			s.Doc["maxLength"] = rawJSON(param)
		}
		message := "must be at most " + param + " bytes long"
		s.add(message, func(v reflect.Value) bool { return v.Len() <= limit })
		s.explain(message)
		return err
	case own && s.typ.Kind() == reflect.String && !s.text:
		s.addCheck(func(v reflect.Value) string { return rule.Check(v.String()) })
		s.explain(rule.Message)
		if s.Doc["pattern"] == nil && rule.Pattern != "" { // there is room for one
			s.Doc["pattern"] = rule.Pattern
		}
	default:
		return fmt.Errorf("it is not known for %v", s.typ)
	}
	return nil
}

// oneOf makes the values a component, as those of a type are: generators then
// make one type of them for all fields of that name that list the same.
func (t *Types) oneOf(s *Schema, at place, values []string) {
	for _, keyword := range []string{"type", "$ref", "anyOf"} {
		delete(s.Doc, keyword)
	}
	of, name := use{values: at.field + ": " + strings.Join(values, ", ")}, capital(at.owner+at.field)
	maps.Copy(s.Doc, t.put(of, t.numbered(name, name), Doc{"type": "string", "enum": values}))
	s.allowOnly(values)
}

func (s *Schema) allowOnly(values []string) {
	s.add("must be one of: "+strings.Join(values, ", "), func(v reflect.Value) bool { return slices.Contains(values, v.String()) })
}

// single tells of values that can be compared, in which no interface hides another.
func (s *Schema) single() bool {
	return s.json != "" && !s.null && s.typ.Comparable() && s.typ.Kind() != reflect.Struct
}

func unique(list reflect.Value) bool {
	seen := map[any]bool{}
	for i := range list.Len() {
		seen[list.Index(i).Interface()] = true
	}
	return len(seen) == list.Len()
}

// bound limits a number, the characters of a text, or how many elements there are.
func (s *Schema) bound(name, param string) error {
	compare, err := s.comparer(param)
	if err != nil {
		return err
	}
	what, begin, unit := "imum", "must be ", ""
	switch s.json {
	case "string":
		what, unit = "Length", " characters long"
	case "array":
		what, begin, unit = "Items", "must have ", " elements"
	case "object":
		what, begin, unit = "Properties", "must have ", " members"
	}
	switch {
	case name == "min":
		s.Doc["min"+what], s.low = rawJSON(param), param
		message := begin + "at least " + param + unit
		if unit != "" && param == "1" {
			message = "must not be empty"
		}
		s.add(message, func(v reflect.Value) bool { return compare(v) >= 0 })
	case name == "max":
		s.Doc["max"+what], s.high = rawJSON(param), param
		s.add(begin+"at most "+param+unit, func(v reflect.Value) bool { return compare(v) <= 0 })
	case unit != "":
		return fmt.Errorf("it is not known for %v", s.typ)
	case name == "gt":
		s.Doc["minimum"] = s.beyond(param, 1, "must be more than "+param)
		s.add("must be more than "+param, func(v reflect.Value) bool { return compare(v) > 0 })
	case name == "lt":
		s.Doc["maximum"] = s.beyond(param, -1, "must be less than "+param)
		s.add("must be less than "+param, func(v reflect.Value) bool { return compare(v) < 0 })
	}
	return nil
}

// beyond is the first whole number past a limit. Of other numbers there is none:
// the document has the limit, and a sentence. It has no exclusiveMinimum, which is
// true or false in OpenAPI 3.0, and some generators refuse the number of 3.1.
func (s *Schema) beyond(limit string, step int64, message string) rawJSON {
	if n, ok := new(big.Int).SetString(limit, 10); ok && s.json == "integer" {
		return rawJSON(n.Add(n, big.NewInt(step)).String())
	}
	s.explain(message)
	return rawJSON(limit)
}

// comparer compares what can be bounded with a tag's number.
func (s *Schema) comparer(param string) (func(reflect.Value) int, error) {
	var (
		i   int64
		u   uint64
		f   float64
		err error
	)
	of := func(reflect.Value) int { return 0 }
	switch zero := reflect.Zero(s.typ); {
	case s.text:
		err = fmt.Errorf("it is not known for %v", s.typ)
	case zero.CanInt():
		i, err = strconv.ParseInt(param, 10, s.typ.Bits())
		of = func(v reflect.Value) int { return cmp.Compare(v.Int(), i) }
	case zero.CanUint():
		u, err = strconv.ParseUint(param, 10, s.typ.Bits())
		of = func(v reflect.Value) int { return cmp.Compare(v.Uint(), u) }
	case zero.CanFloat():
		f, err = strconv.ParseFloat(param, s.typ.Bits())
		of = func(v reflect.Value) int { return cmp.Compare(v.Float(), f) }
	case s.typ.Kind() == reflect.String:
		i, err = strconv.ParseInt(param, 10, 32)
		of = func(v reflect.Value) int { return cmp.Compare(utf8.RuneCountInString(v.String()), int(i)) }
	case s.elem != nil:
		i, err = strconv.ParseInt(param, 10, 32)
		of = func(v reflect.Value) int { return cmp.Compare(v.Len(), int(i)) }
	default:
		err = fmt.Errorf("it is not known for %v", s.typ)
	}
	return of, err
}
