package openapi

import (
	"encoding/json"
	"slices"
	"strings"

	"example.com/transcription-api/internal/web"
)

// Sample returns the first POST of a document, with a body made of the examples
// of its required members: a request for newcomers to try. ok is false where the
// document has none.
func Sample(document []byte) (path, body string, ok bool) {
	var doc struct {
		Paths      map[string]struct{ Post *post }
		Components struct{ Schemas map[string]schema }
	}
	if json.Unmarshal(document, &doc) != nil {
		return "", "", false
	}
	posts := []string{}
	for path, operations := range doc.Paths {
		if operations.Post != nil && !strings.Contains(path, "{") {
			posts = append(posts, path)
		}
	}
	if len(posts) == 0 {
		return "", "", false
	}
	path = slices.Min(posts)
	ref := doc.Paths[path].Post.RequestBody.Content["application/json"].Schema.Ref
	body, ok = doc.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")].sample()
	return path, body, ok
}

type post struct {
	RequestBody struct {
		Content map[string]struct {
			Schema struct {
				Ref string `json:"$ref"`
			}
		}
	}
}

type schema struct {
	Required   []string
	Properties map[string]struct{ Examples []json.RawMessage }
}

func (s schema) sample() (string, bool) {
	members := web.Ordered{}
	for _, name := range s.Required {
		examples := s.Properties[name].Examples
		if len(examples) == 0 {
			return "", false
		}
		members = append(members, web.Member{Name: name, Value: examples[0]})
	}
	body, err := members.MarshalJSON()
	return string(body), err == nil
}
