package web

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"testing"
	"time"
)

// TestTypes holds for each type what the document says of it, and what comes of
// values for it: the same value when it is answered, or the problem.
func TestTypes(t *testing.T) {
	t.Parallel()
	type values map[string]string // the member v of the body, or "" for none
	for _, row := range []struct {
		typ   reflect.Type
		tag   string
		doc   string
		comes values
	}{
		{reflect.TypeFor[bool](), "", `{"type":"boolean"}`, values{
			`true`: `true`, `false`: `false`, ``: "422 v: is required", `null`: "422 v: must not be null", `1`: "400 v: must be true or false", `"true"`: "400 v: must be true or false",
		}},
		{reflect.TypeFor[bool](), `validate:"required"`, `{"type":"boolean"}`, values{`false`: `false`, ``: "422 v: is required"}},
		{reflect.TypeFor[*bool](), "", `{"type":"boolean"}`, values{`false`: `false`, ``: `null`, `null`: "422 v: must not be null"}},
		{reflect.TypeFor[*bool](), `validate:"required"`, `{"type":"boolean"}`, values{`false`: `false`, ``: "422 v: is required"}},
		{reflect.TypeFor[bool](), `default:"true"`, `{"type":"boolean","default":true}`, values{`false`: `false`, ``: `true`, `null`: "422 v: must not be null"}},
		{reflect.TypeFor[Nullable[bool]](), "", `{"type":["boolean","null"]}`, values{`false`: `false`, ``: `null`, `null`: `null`, `0`: "400 v: must be true or false"}},
		{reflect.TypeFor[int8](), "", `{"type":"integer","format":"int8","minimum":-128,"maximum":127}`, values{
			`127`: `127`, `-128`: `-128`, `128`: "422 v: must be at most 127", `-129`: "422 v: must be at least -128", `1.5`: "400 v: must be a whole number",
			`1e2`: `100`, `1.0`: `1`, `1e400`: "422 v: must be at most 127", `-1e400`: "422 v: must be at least -128", `"1"`: "400 v: must be a whole number, without quotes",
		}},
		{reflect.TypeFor[int8](), `validate:"gt=0,lt=9"`, `{"type":"integer","format":"int8","minimum":1,"maximum":8}`, values{`0`: "422 v: must be more than 0", `8`: `8`, `9`: "422 v: must be less than 9", `300`: "422 v: must be at most 127"}},
		{reflect.TypeFor[int16](), "", `{"type":"integer","format":"int16","minimum":-32768,"maximum":32767}`, values{`32768`: "422 v: must be at most 32767", `-32768`: `-32768`}},
		{reflect.TypeFor[int32](), "", `{"type":"integer","format":"int32","minimum":-2147483648,"maximum":2147483647}`, values{`2147483648`: "422 v: must be at most 2147483647", `2147483647`: `2147483647`}},
		{reflect.TypeFor[int64](), "", `{"type":"integer","format":"int64"}`, values{
			`9223372036854775807`: `9223372036854775807`, `9223372036854775808`: "422 v: must be at most 9223372036854775807", `-9223372036854775809`: "422 v: must be at least -9223372036854775808",
		}},
		{reflect.TypeFor[int](), `validate:"min=1,max=100"`, `{"type":"integer","format":"int64","minimum":1,"maximum":100}`, values{
			`0`: "422 v: must be at least 1", `101`: "422 v: must be at most 100", `99999999999999999999`: "422 v: must be at most 100", `50`: `50`,
		}},
		{reflect.TypeFor[*int](), `default:"3" validate:"max=5"`, `{"type":"integer","format":"int64","maximum":5,"default":3}`, values{``: `3`, `0`: `0`, `6`: "422 v: must be at most 5"}},
		{reflect.TypeFor[uint8](), "", `{"type":"integer","format":"uint8","minimum":0,"maximum":255}`, values{`255`: `255`, `256`: "422 v: must be at most 255", `-1`: "422 v: must be at least 0", `0`: `0`}},
		{reflect.TypeFor[uint16](), "", `{"type":"integer","format":"uint16","minimum":0,"maximum":65535}`, values{`65536`: "422 v: must be at most 65535"}},
		{reflect.TypeFor[uint32](), "", `{"type":"integer","format":"uint32","minimum":0,"maximum":4294967295}`, values{`4294967296`: "422 v: must be at most 4294967295"}},
		{reflect.TypeFor[uint64](), "", `{"type":"integer","format":"uint64","minimum":0}`, values{
			`18446744073709551615`: `18446744073709551615`, `18446744073709551616`: "422 v: must be at most 18446744073709551615", `-99999999999999999999`: "422 v: must be at least 0",
		}},
		{reflect.TypeFor[uint](), "", `{"type":"integer","format":"uint64","minimum":0}`, values{`1`: `1`}},
		{reflect.TypeFor[float32](), "", `{"type":"number","format":"float"}`, values{`0.5`: `0.5`, `1e39`: "422 v: is too large a number"}},
		{reflect.TypeFor[float64](), `validate:"gt=0,lt=1"`, `{"type":"number","format":"double","minimum":0,"maximum":1,"description":"Must be more than 0. Must be less than 1."}`, values{
			`0.5`: `0.5`, `0`: "422 v: must be more than 0", `1`: "422 v: must be less than 1", `1e309`: "422 v: is too large a number", `"x"`: "400 v: must be a number, without quotes", `-1e309`: "422 v: is too small a number",
		}},
		{reflect.TypeFor[Nullable[float64]](), `validate:"min=0"`, `{"type":["number","null"],"format":"double","minimum":0}`, values{`null`: `null`, `-1`: "422 v: must be at least 0", `1`: `1`}},
		{reflect.TypeFor[string](), `validate:"min=1,max=3"`, `{"type":"string","minLength":1,"maxLength":3}`, values{
			`"äöü"`: `"äöü"`, `""`: "422 v: must not be empty", `"abcd"`: "422 v: must be at most 3 characters long", `"a\u0000"`: "422 v: must not contain the character U+0000", `7`: "400 v: must be a string",
		}},
		{reflect.TypeFor[string](), `validate:"required"`, `{"type":"string","minLength":1}`, values{`""`: "422 v: must not be empty", ``: "422 v: is required"}},
		{reflect.TypeFor[string](), `validate:"maxbytes=3" doc:"Few."`, `{"type":"string","maxLength":3,"description":"Few. Must be at most 3 bytes long."}`, values{`"äö"`: "422 v: must be at most 3 bytes long", `"ä"`: `"ä"`}},
		{reflect.TypeFor[*string](), `validate:"shout,kind"`, `{"type":"string","pattern":"^[^a-z]*$","description":"Must be in capitals. Must be kind."}`, values{
			`"a"`: "422 v: must be in capitals", `"A!"`: "422 v: must be kind", `"A"`: `"A"`,
		}},
		{reflect.TypeFor[string](), `validate:"oneof=a b"`, `{"$ref":"#/components/schemas/V"}`, values{`"c"`: "422 v: must be one of: a, b", `"b"`: `"b"`}},
		{reflect.TypeFor[colour](), `default:"red"`, `{"$ref":"#/components/schemas/Colour","default":"red"}`, values{``: `"red"`, `"blue"`: "422 v: must be one of: red, green"}},
		{reflect.TypeFor[Nullable[colour]](), "", `{"anyOf":[{"$ref":"#/components/schemas/Colour"},{"type":"null"}]}`, values{`null`: `null`, `"green"`: `"green"`, `"x"`: "422 v: must be one of: red, green"}},
		{reflect.TypeFor[colour](), `validate:"oneof=red"`, `{"$ref":"#/components/schemas/V"}`, values{`"green"`: "422 v: must be one of: red"}},
		{reflect.TypeFor[time.Time](), "", `{"type":"string","format":"date-time"}`, values{
			`"2026-11-22T22:23:00.5+02:00"`: `"2026-11-22T22:23:00.5+02:00"`, `"yesterday"`: "422 v: must be a time with its zone, such as 2026-11-22T22:23:00Z",
			`"2026-11-22"`: "422 v: must be a time with its zone, such as 2026-11-22T22:23:00Z: the time of day is missing", `5`: "400 v: must be a time with its zone, such as 2026-11-22T22:23:00Z",
		}},
		{reflect.TypeFor[Nullable[time.Time]](), "", `{"type":["string","null"],"format":"date-time"}`, values{`null`: `null`, ``: `null`, `"2026-11-22T22:23:00Z"`: `"2026-11-22T22:23:00Z"`}},
		{reflect.TypeFor[Date](), "", `{"type":"string","format":"date","examples":["2026-11-22"]}`, values{`"2024-02-29"`: `"2024-02-29"`, `"2023-02-29"`: "422 v: must be a date, such as 2026-11-22: the day is out of range", `"today"`: "422 v: must be a date, such as 2026-11-22"}},
		{reflect.TypeFor[UUID](), "", `{"type":"string","format":"uuid"}`, values{
			`"0193553e-7c58-7cc1-a6b1-2a1f3c8d9e10"`: `"0193553e7c587cc1a6b12a1f3c8d9e10"`, `"x"`: "422 v: must be a UUID, such as 0193553e-7c58-7cc1-a6b1-2a1f3c8d9e10",
		}},
		{reflect.TypeFor[netip.Addr](), "", `{"type":"string"}`, values{`"::1"`: `"::1"`, `"x"`: "422 v: must be a valid Addr"}},
		{reflect.TypeFor[[]byte](), "", `{"type":"string","format":"byte","contentEncoding":"base64"}`, values{`"AAE="`: `"AAE="`, `"?"`: "422 v: must be bytes in base64"}},
		{reflect.TypeFor[[]string](), `validate:"min=1,max=2,unique,dive,max=3"`, `{"type":"array","minItems":1,"maxItems":2,"uniqueItems":true,"items":{"type":"string","maxLength":3}}`, values{
			`["a","b"]`: `["a","b"]`, `[]`: "422 v: must not be empty", `["a","b","c"]`: "422 v: must have at most 2 elements", `["a","a"]`: "422 v: must not have the same value twice",
			`["abcd"]`: "422 v[0]: must be at most 3 characters long", `["a",1]`: "400 v[1]: must be a string", `["a",null]`: "422 v[1]: must not be null", `"a"`: "400 v: must be a list", `null`: "422 v: must not be null",
		}},
		{reflect.TypeFor[[]*int](), "", `{"type":"array","items":{"type":["integer","null"],"format":"int64"}}`, values{`[1,null]`: `[1,null]`}},
		{reflect.TypeFor[[]*colour](), `validate:"dive,oneof=red"`, `{"type":"array","items":{"anyOf":[{"$ref":"#/components/schemas/V"},{"type":"null"}]}}`, values{`["red",null]`: `["red",null]`, `["green"]`: "422 v[0]: must be one of: red"}},
		{reflect.TypeFor[Nullable[[]colour]](), "", `{"type":["array","null"],"items":{"$ref":"#/components/schemas/Colour"}}`, values{`["x"]`: "422 v[0]: must be one of: red, green", `null`: `null`}},
		{reflect.TypeFor[map[string]uint8](), `validate:"max=1,dive,max=9"`, `{"type":"object","maxProperties":1,"additionalProperties":{"type":"integer","format":"uint8","minimum":0,"maximum":9}}`, values{
			`{"a":1}`: `{"a":1}`, `{"a":300}`: "422 v.a: must be at most 9", `{"a":1,"b":2}`: "422 v: must have at most 1 members", `[]`: "400 v: must be an object", `{"a\u0000":1}`: "422 v.a\x00: its name must not contain the character U+0000",
		}},
		{reflect.TypeFor[map[colour]bool](), "", `{"type":"object","additionalProperties":{"type":"boolean"}}`, values{`{"red":true}`: `{"red":true}`, `{"x":true}`: "422 v.x: its name must be one of: red, green"}},
		{reflect.TypeFor[inner](), "", `{"$ref":"#/components/schemas/Inner"}`, values{
			`{"city":"x"}`: `{"city":"x"}`, `{}`: "422 v.city: is required", `{"city":""}`: "422 v.city: must not be empty", `{"city":1,"zip":2}`: "400 v.city: must be a string; v.zip: unknown: allowed are city", `7`: "400 v: must be an object",
		}},
		{reflect.TypeFor[Nullable[inner]](), "", `{"anyOf":[{"$ref":"#/components/schemas/Inner"},{"type":"null"}]}`, values{`null`: `null`, `{"city":"x"}`: `{"city":"x"}`}},
		{reflect.TypeFor[[]inner](), "", `{"type":"array","items":{"$ref":"#/components/schemas/Inner"}}`, values{`[{"city":"x"},{}]`: "422 v[1].city: is required"}},
		{reflect.TypeFor[tree](), "", `{"$ref":"#/components/schemas/Tree"}`, values{`{"id":1,"children":[{"id":2}]}`: `{"id":1,"children":[{"id":2}]}`, `{"id":1,"children":[{}]}`: "422 v.children[0].id: is required"}},
		{reflect.TypeFor[json.RawMessage](), "", `{}`, values{`{"a":[1,null]}`: `{"a":[1,null]}`, `null`: `null`, ``: "422 v: is required"}},
		{reflect.TypeFor[any](), "", `{}`, values{`{"a":[1,null]}`: `{"a":[1,null]}`}},
		{reflect.TypeFor[Nullable[json.RawMessage]](), "", `{}`, values{`null`: `null`, `[1]`: `[1]`}},
	} {
		t.Run(row.typ.String()+row.tag, func(t *testing.T) {
			t.Parallel()
			types := newTypes(t)
			s, err := types.Request(one(row.typ, row.tag))
			if err != nil {
				t.Fatal(err)
			}
			if got := text(t, (*s.Fields)[0].Doc); !sameJSON(got, row.doc) {
				t.Errorf("document\n got %s\nwant %s", got, row.doc)
			}
			schema := load(t, types, s)
			for value, want := range row.comes {
				body := `{}`
				if value != "" {
					body = `{"v":` + value + `}`
				}
				into := reflect.New(s.typ).Elem()
				got := ""
				if err := s.bind([]byte(body), into); err != nil {
					got = said(err)
				} else {
					got = text(t, into.Field(0).Interface())
					conforms(t, schema, body)
				}
				if got != want {
					t.Errorf("%s\n got %s\nwant %s", body, got, want)
				}
			}
		})
	}
}
