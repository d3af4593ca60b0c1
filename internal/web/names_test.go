package web

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
	"testing"
)

type (
	offer struct {
		Kind string   `json:"kind" validate:"oneof=old new"`
		Also *string  `json:"also" validate:"oneof=old new"`
		More []string `json:"more" validate:"dive,oneof=a b"`
	}
	newOffer struct {
		Kind string  `json:"kind" validate:"oneof=old new" default:"new"`
		Past *string `json:"past" validate:"oneof=old"`
	}
	offers struct {
		Kind string `query:"kind" validate:"oneof=old new"`
	}
	other struct {
		Kind string `json:"kind" validate:"oneof=odd"`
	}
)

// TestRulesThatListValues: fields of one name with the same values share one
// component, which is what makes them one type for generators.
func TestRulesThatListValues(t *testing.T) {
	t.Parallel()
	types := newTypes(t)
	_, err := types.Answer(offer{})
	if err == nil {
		_, err = types.Request(newOffer{})
	}
	if err != nil {
		t.Fatal(err)
	}
	query, err := types.Query(offers{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := types.Answer(other{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"OfferKind": `{"type":"string","enum":["old","new"]}`, "OfferAlso": `{"type":"string","enum":["old","new"]}`,
		"OfferMore": `{"type":"string","enum":["a","b"]}`, "NewOfferPast": `{"type":"string","enum":["old"]}`,
		"OtherKind": `{"type":"string","enum":["odd"]}`,
		"NewOffer":  `{"type":"object","additionalProperties":false,"properties":{"kind":{"$ref":"#/components/schemas/OfferKind","default":"new"},"past":{"$ref":"#/components/schemas/NewOfferPast"}}}`,
	} {
		i := slices.IndexFunc(types.Components, func(m Member) bool { return m.Name == name })
		if i < 0 || !sameJSON(text(t, types.Components[i].Value), want) {
			t.Errorf("%s is not %s among %s", name, want, text(t, types.Components))
		}
	}
	if got := text(t, (*query.Fields)[0].Doc); got != `{"$ref":"#/components/schemas/OfferKind"}` {
		t.Errorf("the parameter is %s", got)
	}
}

// TestNamesakes: components of types with the same name are told apart, and each
// is found again.
func TestNamesakes(t *testing.T) {
	t.Parallel()
	types := newTypes(t)
	var want []string
	for range 2 {
		var got []string
		for _, value := range []any{local1(), local2(), local3(), page[ast.Comment]{}, page[Comment]{}, page[token.Position]{}, page[struct{ A int }]{}, page[struct{ B int }]{}} {
			s, err := types.Answer(value)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.TrimPrefix(text(t, s.Doc["$ref"]), `"#/components/schemas/`))
		}
		if want == nil {
			want = got
		}
		if sorted := slices.Compact(slices.Sorted(slices.Values(got))); len(sorted) != len(got) || !slices.Equal(got, want) {
			t.Errorf("%v, then %v", want, got)
		}
	}
	for _, c := range types.Components {
		if strings.Trim(c.Name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") != "" {
			t.Errorf("%q is no name for a component", c.Name)
		}
	}
}

type Comment struct {
	Said string `json:"said"`
}

func local1() any {
	type Comment struct {
		A int `json:"a"`
	}
	return Comment{}
}

func local2() any {
	type Comment struct {
		B int `json:"b"`
	}
	return Comment{}
}

func local3() any {
	type Comment struct {
		C int `json:"c"`
	}
	return Comment{}
}
