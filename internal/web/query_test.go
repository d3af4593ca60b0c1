package web

import (
	"reflect"
	"testing"
	"time"
)

// TestQuery holds what comes of a query for the parameter v: its value, or the problem.
func TestQuery(t *testing.T) {
	t.Parallel()
	const once = "422 v: must be given once, with a value"
	for _, row := range []struct {
		typ   reflect.Type
		tag   string
		comes map[string]string
	}{
		{reflect.TypeFor[bool](), "", map[string]string{"v=true": `true`, "v=false": `false`, "": `false`, "v=1": "422 v: must be true or false", "v=": once, "v": once, "v=true&v=true": once, "other=%00": `false`}},
		{reflect.TypeFor[*bool](), "", map[string]string{"v=false": `false`, "": `null`}},
		{reflect.TypeFor[bool](), `default:"true"`, map[string]string{"v=false": `false`, "": `true`}},
		{reflect.TypeFor[*bool](), `validate:"required"`, map[string]string{"v=false": `false`, "": "422 v: is required"}},
		{reflect.TypeFor[int](), `validate:"min=1,max=100" default:"20"`, map[string]string{
			"": `20`, "v=%2B5": `5`, "v=007": `7`, "v=0": "422 v: must be at least 1", "v=1e1": "422 v: must be a whole number", "v=99999999999999999999": "422 v: must be at most 100",
		}},
		{reflect.TypeFor[*int16](), "", map[string]string{"": `null`, "v=-32769": "422 v: must be at least -32768", "v=5": `5`}},
		{reflect.TypeFor[uint64](), "", map[string]string{"v=18446744073709551615": `18446744073709551615`, "v=-1": "422 v: must be at least 0", "v=%2B1": `1`, "v=x": "422 v: must be a whole number"}},
		{reflect.TypeFor[float64](), `validate:"min=0"`, map[string]string{
			"v=0.5": `0.5`, "v=1e3": `1000`, "v=NaN": "422 v: must be a number, and finite", "v=Inf": "422 v: must be a number, and finite", "v=0x1p4": "422 v: must be a number, in decimal digits", "v=1_0": "422 v: must be a number, without separators",
			"v=1e999": "422 v: is too large a number", "v=-1": "422 v: must be at least 0", "v=.": "422 v: must be a number",
		}},
		{reflect.TypeFor[*float32](), "", map[string]string{"v=1e39": "422 v: is too large a number", "": `null`}},
		{reflect.TypeFor[string](), `validate:"max=2"`, map[string]string{"": `""`, "v=ab": `"ab"`, "v=abc": "422 v: must be at most 2 characters long", "v=%00": "422 v: must not contain the character U+0000", "v=%ff": "422 v: must be UTF-8"}},
		{reflect.TypeFor[colour](), "", map[string]string{"v=red": `"red"`, "": `""`, "v=blue": "422 v: must be one of: red, green", "v=red,green": "422 v: must be one of: red, green"}},
		{reflect.TypeFor[*colour](), "", map[string]string{"": `null`, "v=green": `"green"`}},
		{reflect.TypeFor[*time.Time](), "", map[string]string{"": `null`, "v=2026-11-22T22:23:00Z": `"2026-11-22T22:23:00Z"`, "v=2026": "422 v: must be a time with its zone, such as 2026-11-22T22:23:00Z"}},
		{reflect.TypeFor[Date](), "", map[string]string{"v=2026-11-22": `"2026-11-22"`, "v=x": "422 v: must be a date, such as 2026-11-22"}},
		{reflect.TypeFor[*UUID](), "", map[string]string{"": `null`, "v=x": "422 v: must be a UUID, such as 0193553e-7c58-7cc1-a6b1-2a1f3c8d9e10"}},
		{reflect.TypeFor[[]string](), `validate:"max=2,dive,max=1"`, map[string]string{
			"": `[]`, "v=a&v=b": `["a","b"]`, "v=a&v=b&v=c": "422 v: must have at most 2 elements", "v=ab": "422 v: must be at most 1 characters long", "v=": `[""]`,
		}},
		{reflect.TypeFor[[]int8](), "", map[string]string{"v=1&v=2": `[1,2]`, "v=1&v=200": "422 v: must be at most 127"}},
		{reflect.TypeFor[[]colour](), `validate:"required"`, map[string]string{"": "422 v: is required", "v=red": `["red"]`, "v=red&v=x": "422 v: must be one of: red, green"}},
	} {
		t.Run(row.typ.String()+row.tag, func(t *testing.T) {
			t.Parallel()
			s, err := newTypes(t).Query(one(row.typ, row.tag))
			if err != nil {
				t.Fatal(err)
			}
			for query, want := range row.comes {
				into, got := reflect.New(s.typ).Elem(), ""
				if err := s.readQuery(query, into); err != nil {
					got = said(err)
				} else {
					got = text(t, into.Field(0).Interface())
				}
				if got != want {
					t.Errorf("?%s\n got %s\nwant %s", query, got, want)
				}
			}
		})
	}
}

// FuzzTypes reads bodies and queries into all types at once: nothing panics,
// and what is read from a body conforms to the document.
func FuzzTypes(f *testing.F) {
	f.Add(`{"b":true,"i":-1,"u":9007199254740993,"f":1e-400,"s":"\u00e4","n":null,"l":[["x"]],"m":{"a":{"city":"x"}},"t":"2026-11-22T22:23:00Z","d":"2024-02-29","r":[1]}`)
	f.Add(`{"i":1e400,"u":-0,"f":1e400,"l":null,"m":{"":null},"t":"","d":"0000-00-00"}`)
	f.Add(`b=true&i=1&u=-0&f=.&t=2026`)
	f.Fuzz(func(t *testing.T, input string) {
		types := newTypes(t)
		body, err := types.Request(everything{})
		if err != nil {
			t.Fatal(err)
		}
		if err := body.bind([]byte(input), reflect.New(body.typ).Elem()); err == nil {
			conforms(t, load(t, types, body), input)
		}
		query, err := types.Query(parameters{})
		if err != nil {
			t.Fatal(err)
		}
		_ = query.readQuery(input, reflect.New(query.typ).Elem())
	})
}

type everything struct {
	Bool    bool              `json:"b" default:"false"`
	Int     int8              `json:"i,omitzero"`
	Uint    *uint64           `json:"u"`
	Float   float32           `json:"f,omitzero"`
	Text    string            `json:"s,omitzero" validate:"max=5,shout"`
	Colour  Nullable[colour]  `json:"n"`
	Lists   [][]string        `json:"l,omitzero" validate:"dive,unique"`
	Map     map[string]*inner `json:"m,omitzero"`
	Time    *time.Time        `json:"t"`
	Date    *Date             `json:"d"`
	Any     any               `json:"r,omitzero"`
	Trees   []tree            `json:"trees,omitzero"`
	Bytes   []byte            `json:"bytes,omitzero"`
	Address inner             `json:"address,omitzero"`
}

type parameters struct {
	Bool  bool       `query:"b"`
	Int   int8       `query:"i"`
	Uint  *uint64    `query:"u"`
	Float float32    `query:"f"`
	Time  *time.Time `query:"t"`
	Lists []colour   `query:"l"`
}
