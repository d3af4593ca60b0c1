package web

import (
	"errors"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
)

type loop []loop

type unmarshals struct{}

func (unmarshals) UnmarshalText([]byte) error { return nil }

type pair[A, B any] struct {
	First  A `json:"first"`
	Second B `json:"second"`
}

type page[T any] struct {
	Items []T `json:"items"`
}

// TestUnsupported holds that what can not be bound or described ends the start,
// in one line that names the type and the field.
func TestUnsupported(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		typ reflect.Type
		tag string
		why string
	}{
		{reflect.TypeFor[chan int](), "", "chan int is not supported"},
		{reflect.TypeFor[func()](), "", "func() is not supported"},
		{reflect.TypeFor[complex128](), "", "complex128 is not supported"},
		{reflect.TypeFor[[]chan int](), "", "chan int is not supported"},
		{reflect.TypeFor[[3]int](), "", "[3]int is not supported"},
		{reflect.TypeFor[error](), "", "error is not supported"},
		{reflect.TypeFor[time.Duration](), "", "time.Duration is not supported: use a number, and name its unit"},
		{reflect.TypeFor[**int](), "", "**int is not supported: it can be null in two ways"},
		{reflect.TypeFor[*Nullable[int]](), "", "it can be null in two ways"},
		{reflect.TypeFor[Nullable[*int]](), "", "it can be null in two ways"},
		{reflect.TypeFor[map[int]string](), "", "its keys are no texts"},
		{reflect.TypeFor[loop](), "", "it is inside itself"},
		{reflect.TypeFor[big.Int](), "", "its JSON is made by its own methods"},
		{reflect.TypeFor[Timestamp](), "", "it needs both MarshalText and UnmarshalText"},
		{reflect.TypeFor[string](), `validate:"shouting"`, "rule shouting: it is not known for string"},
		{reflect.TypeFor[bool](), `validate:"min=1"`, "rule min=1: it is not known for bool"},
		{reflect.TypeFor[[]byte](), `validate:"max=1"`, "rule max=1: it is not known for []uint8"},
		{reflect.TypeFor[time.Time](), `validate:"min=1"`, "rule min=1: it is not known for time.Time"},
		{reflect.TypeFor[string](), `validate:"gt=1"`, "rule gt=1: it is not known for string"},
		{reflect.TypeFor[int8](), `validate:"max=128"`, "rule max=128: strconv"},
		{reflect.TypeFor[string](), `validate:"max=x"`, "rule max=x: strconv"},
		{reflect.TypeFor[string](), `validate:"maxbytes=x"`, "rule maxbytes=x: strconv"},
		{reflect.TypeFor[string](), `validate:"dive,max=1"`, "rule dive: there are no elements"},
		{reflect.TypeFor[[]any](), `validate:"unique"`, "rule unique: it is not known for []interface {}"},
		{reflect.TypeFor[[]*int](), `validate:"unique"`, "rule unique: it is not known for []*int"},
		{reflect.TypeFor[[]inner](), `validate:"unique"`, "rule unique: it is not known for []web.inner"},
		{reflect.TypeFor[int](), `default:"x"`, "default x: "},
		{reflect.TypeFor[int](), `default:"9" validate:"max=5"`, "default 9: must be at most 5"},
		{reflect.TypeFor[int8](), `default:"900"`, "default 900: must be at most 127"},
		{reflect.TypeFor[[]int](), `default:"[]"`, "default []: only a single value can be one"},
		{reflect.TypeFor[colour](), `example:"blue"`, "example blue: must be one of: red, green"},
	} {
		_, err := newTypes(t).Request(one(row.typ, row.tag))
		if err == nil {
			t.Errorf("%v %s is taken", row.typ, row.tag)
			continue
		}
		if said := err.Error(); !strings.Contains(said, row.why) || !strings.Contains(said, "field V: ") || strings.Contains(said, "\n") {
			t.Errorf("%v %s: %s, want %s", row.typ, row.tag, said, row.why)
		}
	}
}

func TestUnsupportedStructs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		value any
		why   string
	}{
		{struct{ *base }{}, "embedded, only a plain struct is supported"},
		{struct {
			time.Time
			A int `json:"a"`
		}{}, "its JSON is made by its own methods"},
		{struct {
			base
			Other int `json:"id"`
		}{}, "there are two fields id"},
		{reflect.Zero(reflect.StructOf([]reflect.StructField{{Name: "hidden", PkgPath: "web", Type: reflect.TypeFor[int](), Tag: `json:"hidden"`}})).Interface(), "it has a tag and is not exported"},
		{struct {
			A int `json:"a,string"`
		}{}, "the option string is not supported"},
		{map[string]int{}, "a body is read into a struct"},
		{inner{}, ""},
	} {
		_, err := newTypes(t).Request(row.value)
		if row.why == "" && err != nil || row.why != "" && (err == nil || !strings.Contains(err.Error(), row.why)) {
			t.Errorf("%T: %v, want %s", row.value, err, row.why)
		}
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[inner](), reflect.TypeFor[map[string]int](), reflect.TypeFor[any](), reflect.TypeFor[[][]int](), reflect.TypeFor[Nullable[int]]()} {
		if _, err := newTypes(t).Query(one(typ, "")); err == nil || !strings.Contains(err.Error(), "a parameter is a single value or a list of them") {
			t.Errorf("a parameter %v: %v", typ, err)
		}
	}
	for _, value := range []any{unmarshals{}, make(chan int), struct{ F func() }{}} {
		if _, err := newTypes(t).Answer(value); err == nil {
			t.Errorf("%T is taken for an answer", value)
		}
	}
}

func TestPatternsMeanTheSameEverywhere(t *testing.T) {
	t.Parallel()
	for pattern, good := range map[string]bool{`\S`: false, `^\d+$`: false, `^(?=a)`: false, `(?i)a`: false, `[`: false, `^[a-z.]+\.[0-9]{2}$`: true, `^.{1,3}$`: false, `a.`: false, `[\s]`: false, ``: true} {
		rule := Rule{Check: func(string) string { return "" }, Message: "must be so", Pattern: pattern}
		if _, err := NewTypes(map[string]Rule{"r": rule}); (err == nil) != good {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// TestComponents holds the names: a type has one, generic types are named after
// what they hold, a type of answers and of requests has two.
func TestComponents(t *testing.T) {
	t.Parallel()
	type Problem struct { // as the package's own, for a clash
		A int `json:"a"`
	}
	types := newTypes(t)
	for _, answer := range []any{page[inner]{}, page[[]inner]{}, pair[page[colour], int]{}, tree{}, Problem{}, Problem{}} {
		if _, err := types.Answer(answer); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := types.Request(inner{}); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range types.Components {
		names = append(names, c.Name)
	}
	want := "InnerPage Inner InnerListPage IntColourPagePair ColourPage Colour Tree Problem InnerInput"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	strict, open := text(t, types.Components[8].Value), text(t, types.Components[1].Value)
	if !strings.Contains(strict, `"additionalProperties":false`) || strings.Contains(open, "additionalProperties") {
		t.Errorf("a request's %s, an answer's %s", strict, open)
	}
}

func TestAnswersDocument(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		typ       reflect.Type
		tag, want string
		required  bool
	}{
		{reflect.TypeFor[*string](), `example:"null"`, `{"type":["string","null"],"examples":[null]}`, true},
		{reflect.TypeFor[*float64](), `validate:"min=0"`, `{"type":["number","null"],"format":"double","minimum":0}`, true},
		{reflect.TypeFor[*colour](), "", `{"anyOf":[{"$ref":"#/components/schemas/Colour"},{"type":"null"}]}`, true},
		{reflect.TypeFor[*inner](), "", `{"anyOf":[{"$ref":"#/components/schemas/Inner"},{"type":"null"}]}`, true},
		{reflect.TypeFor[[]int](), "", `{"type":"array","items":{"type":"integer","format":"int64"}}`, true},
		{reflect.TypeFor[*string](), `validate:"oneof=a"`, `{"anyOf":[{"$ref":"#/components/schemas/V"},{"type":"null"}]}`, true},
		{reflect.TypeFor[Timestamp](), "", `{"type":"string","format":"date-time","pattern":"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$","examples":["2026-11-22T22:23:00.123456Z"]}`, true},
	} {
		s, err := newTypes(t).Answer(one(row.typ, row.tag))
		if err != nil {
			t.Fatal(err)
		}
		if field := (*s.Fields)[0]; !sameJSON(text(t, field.Doc), row.want) || field.Required != row.required {
			t.Errorf("%v: %s, required %v; want %s", row.typ, text(t, field.Doc), field.Required, row.want)
		}
	}
}

// TestManyFaults holds that a body with many faults gets a short answer, which
// is a 400 if any of them is one.
func TestManyFaults(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		typ    reflect.Type
		value  string
		status int
	}{
		{reflect.TypeFor[[]string](), `[` + strings.Repeat(`1,`, 10_000) + `1]`, 400},
		{reflect.TypeFor[[]colour](), `[` + strings.Repeat(`"blue",`, 10_000) + `"x"]`, 422},
		{reflect.TypeFor[[]colour](), `[` + strings.Repeat(`"blue",`, 10_000) + `1]`, 400},
	} {
		s, err := newTypes(t).Request(one(row.typ, ""))
		if err != nil {
			t.Fatal(err)
		}
		err = s.bind([]byte(`{"v":`+row.value+`}`), reflect.New(s.typ).Elem())
		problem, ok := errors.AsType[*Problem](err)
		if !ok || problem.Status != row.status || len(problem.Errors) == 0 || len(problem.Errors) > 100 {
			t.Errorf("%v: %.100v", row.typ, err)
		}
	}
}
