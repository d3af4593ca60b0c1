package web

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

type colour string

func (colour) Values() []colour { return []colour{"red", "green"} }

// UUID is as the usual libraries have it: an array that is a text.
type UUID [16]byte

func (u UUID) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(u[:])), nil }

func (u *UUID) UnmarshalText(text []byte) error {
	if len(text) != 36 {
		return errors.New("wrong length")
	}
	_, err := hex.Decode(u[:], []byte(strings.ReplaceAll(string(text), "-", "")))
	return err
}

type inner struct {
	City string `json:"city" validate:"min=1"`
}

type base struct {
	ID int `json:"id"`
}

type tree struct {
	base
	Children []tree `json:"children,omitzero"`
}

var testRules = map[string]Rule{
	"shout": {Check: func(text string) string { return unless(strings.ToUpper(text) == text, "must be in capitals") }, Message: "must be in capitals", Pattern: `^[^a-z]*$`},
	"kind":  {Check: func(text string) string { return unless(!strings.Contains(text, "!"), "must be kind") }, Message: "must be kind", Pattern: `^[^!]*$`},
}

// one makes a struct of one field V, called v.
func one(field reflect.Type, tag string) any {
	return reflect.Zero(reflect.StructOf([]reflect.StructField{{
		Name: "V", Type: field, Tag: reflect.StructTag(`json:"v" query:"v" ` + tag),
	}})).Interface()
}

func newTypes(t *testing.T) *Types {
	t.Helper()
	types, err := NewTypes(testRules)
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func text(t *testing.T, value any) string {
	t.Helper()
	out, err := Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// said is a problem as "status field: message; …", or its detail.
func said(err error) string {
	p, ok := errors.AsType[*Problem](err)
	if !ok {
		return err.Error()
	}
	var parts []string
	for _, f := range p.Errors {
		parts = append(parts, f.Field+": "+f.Message)
	}
	if parts == nil {
		parts = []string{p.Detail}
	}
	return text(&testing.T{}, p.Status) + " " + strings.Join(parts, "; ")
}

func sameJSON(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && cmp.Equal(x, y)
}

// load reads the schema with the components that it refers to.
func load(t *testing.T, types *Types, s *Schema) *openapi3.Schema {
	t.Helper()
	all := append(Ordered{{"It", s.Doc}}, types.Components...)
	document := `{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{},"components":{"schemas":` + text(t, all) + `}}`
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData([]byte(document))
	if err == nil {
		err = doc.Validate(loader.Context)
	}
	if err != nil {
		t.Fatalf("%v in %s", err, document)
	}
	return doc.Components.Schemas["It"].Value
}

// conforms holds what was read against the document.
func conforms(t *testing.T, schema *openapi3.Schema, body string) {
	t.Helper()
	var value any
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		t.Fatal(err)
	}
	if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("%s was read, but breaks the document: %v", body, err)
	}
}

func unless(allowed bool, fault string) string {
	if allowed {
		return ""
	}
	return fault
}
