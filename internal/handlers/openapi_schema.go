package handlers

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"example.com/transcription-api/internal/models"
)

// schemas derives JSON schemas from Go types, by their json, validate, default,
// example and doc tags. Structs become components, in the order of their first use.
type schemas struct{ named object }

// of returns the schema of a type.
func (s *schemas) of(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[timestamp]():
		return object{{"type", "string"}, {"format", "date-time"}, {"pattern", `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$`}, {"examples", []string{"2026-11-22T22:23:00.123456Z"}}}
	case reflect.TypeFor[models.Status]():
		return object{{"type", "string"}, {"enum", models.Statuses}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.of(t.Elem())
	case reflect.String:
		return object{{"type", "string"}}
	case reflect.Int64:
		return object{{"type", "integer"}, {"format", "int64"}}
	case reflect.Int:
		return object{{"type", "integer"}}
	case reflect.Float64:
		return object{{"type", "number"}}
	case reflect.Map:
		return object{{"type", "object"}}
	case reflect.Slice:
		return object{{"type", "array"}, {"items", s.of(t.Elem())}}
	case reflect.Struct:
		return s.component(t)
	default:
		panic(fmt.Sprintf("no JSON schema for %v", t))
	}
}

// component adds a struct to the named schemas, and refers to it.
func (s *schemas) component(t reflect.Type) object {
	name := schemaName(t)
	if s.named.get(name) == nil {
		s.named.set(name, object{}) // its place, before those of its fields
		s.named.set(name, s.structure(t))
	}
	return ref("schemas", name)
}

func schemaName(t reflect.Type) string {
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	if t.PkgPath() != reflect.TypeFor[item]().PkgPath() {
		pkg := t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+1:]
		return strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	return name
}

func (s *schemas) structure(t reflect.Type) object {
	required, properties := []string{}, object{}
	for _, field := range reflect.VisibleFields(t) {
		if !optional(field) {
			required = append(required, fieldName(field))
		}
		properties.set(fieldName(field), s.field(field))
	}
	schema := object{{"type", "object"}, {"properties", properties}}
	if len(required) > 0 {
		schema.set("required", required)
	}
	return schema
}

// strict says of a request's type what bindJSON does with unknown members.
func (s *schemas) strict(t reflect.Type) {
	schema := s.named.get(schemaName(t)).(object)
	schema.set("additionalProperties", false)
	s.named.set(schemaName(t), schema)
}

// optional fields may be absent; all others are always there.
func optional(field reflect.StructField) bool {
	_, options, _ := strings.Cut(field.Tag.Get("json"), ",")
	return strings.Contains(options, "omit")
}

// field is the schema of a struct's field. null is what a nullable takes, and
// what a pointer that is always there gives.
func (s *schemas) field(field reflect.StructField) object {
	t, null := field.Type, field.Type.Kind() == reflect.Pointer && !optional(field)
	if _, ok := reflect.New(t).Interface().(interface{ nullable() }); ok {
		value, _ := t.FieldByName("value")
		t, null = value.Type, true
	}
	schema := s.of(t)
	if null {
		schema.set("type", []any{schema.get("type"), "null"})
	}
	for rule := range strings.SplitSeq(field.Tag.Get("validate"), ",") {
		name, param, _ := strings.Cut(rule, "=")
		limit(&schema, name, param)
	}
	for _, name := range []string{"default", "example"} {
		value, given := field.Tag.Lookup(name)
		switch {
		case !given:
		case name == "default":
			schema.set(name, literal(schema, value))
		default:
			schema.set("examples", []any{literal(schema, value)})
		}
	}
	if doc := field.Tag.Get("doc"); doc != "" {
		schema.set("description", doc)
	}
	return schema
}

// hasType reports whether values of the schema can have the JSON type.
func hasType(schema object, name string) bool {
	given := schema.get("type")
	list, _ := given.([]any)
	return given == name || len(list) > 0 && list[0] == name
}

// literal is a tag's text as a value of the schema's type, or null.
func literal(schema object, text string) any {
	if hasType(schema, "string") && text != "null" {
		return text
	}
	return rawJSON(text)
}

// patterns express rules for texts. What they can not say (that a language is
// registered, that a host is there to be asked) the server alone decides. They
// mean the same in JavaScript, where the page runs, and in Go, where the tests do.
var patterns = map[string]string{
	"notblank": `\S`,
	"audiourl": `^([hH][tT][tT][pP][sS]?|[sS]3|[gG][sS])://[^/?#\s]\S*$`,
	"language": `^[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8})*$`,
	"nonul":    `^[^\x00]*$`,
}

// limit expresses a rule of package validator, and the own ones in validate.go.
func limit(schema *object, rule, param string) {
	isText := hasType(*schema, "string")
	switch rule {
	case "", "omitnil", "omitempty":
	case "required":
		if isText {
			schema.set("minLength", 1)
		}
	case "min", "max":
		name := map[string]string{"min": "minimum", "max": "maximum"}[rule]
		if isText {
			name = rule + "Length"
		}
		schema.set(name, rawJSON(param))
	case "maxbytes": // a character takes a byte at least
		schema.set("maxLength", rawJSON(param))
	case "oneof":
		schema.set("enum", strings.Fields(param))
	default:
		pattern, known := patterns[rule]
		if !known {
			panic("the document can not express the rule " + strconv.Quote(rule))
		}
		addPattern(schema, pattern)
	}
}

// addPattern keeps the patterns of all rules: a schema has room for one.
func addPattern(schema *object, pattern string) {
	if schema.get("pattern") == nil {
		schema.set("pattern", pattern)
		return
	}
	all, _ := schema.get("allOf").([]object)
	schema.set("allOf", append(all, object{{"pattern", pattern}}))
}

// queryParameter describes a field of a type that bindQuery reads.
func (s *schemas) queryParameter(field reflect.StructField) object {
	schema := s.field(field)
	param := object{{"name", fieldName(field)}, {"in", "query"}}
	if doc := field.Tag.Get("doc"); doc != "" {
		param.set("description", doc)
	}
	param.set("schema", schema)
	return param
}
