package apitest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// telling are the headers that no answer may have undeclared.
var telling = []string{"Allow", "ETag", "Idempotent-Replayed", "Location", "Retry-After", "WWW-Authenticate"}

// checkAnswer holds status, headers and body against a response.
func checkAnswer(x Exchange, response *openapi3.Response) error {
	if err := checkHeaders(x.Header, response); err != nil {
		return err
	}
	if x.Method == http.MethodHead {
		return nil // net/http leaves out the body that the handler writes
	}
	if len(response.Content) == 0 {
		if len(x.Body) > 0 {
			return fmt.Errorf("there is a body of %d bytes, the document has none", len(x.Body))
		}
		return nil
	}
	media := response.Content[mediaType(x.Header)]
	if media == nil {
		return fmt.Errorf("Content-Type is %q, the document has %v", x.Header.Get("Content-Type"), slices.Sorted(maps.Keys(response.Content)))
	}
	body, err := plain(x)
	if err != nil {
		return err
	}
	if !strings.HasSuffix(mediaType(x.Header), "json") {
		return nil
	}
	return checkJSON("body", body, media.Schema.Value)
}

func checkHeaders(header http.Header, response *openapi3.Response) error {
	for name, declared := range response.Headers {
		switch value := header.Get(name); {
		case value != "":
			if err := checkText("header "+name, value, declared.Value.Schema.Value); err != nil {
				return err
			}
		case declared.Value.Required:
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	for _, name := range telling {
		if response.Headers[name] == nil && header.Get(name) != "" {
			return fmt.Errorf("the header %s: %s is not declared", name, header.Get(name))
		}
	}
	return nil
}

// checkRequest holds a request that was granted against its operation.
func checkRequest(x Exchange, op *openapi3.Operation, path map[string]string) error {
	for _, p := range op.Parameters {
		values, schema := x.URL.Query()[p.Value.Name], p.Value.Schema.Value
		if value, given := path[p.Value.Name]; given && p.Value.In == openapi3.ParameterInPath {
			values = []string{value}
		} else if p.Value.In != openapi3.ParameterInQuery {
			continue // headers, which a service may ignore
		}
		if schema.Type.Is("array") {
			schema = schema.Items.Value
		}
		for _, value := range values {
			if err := checkText("granted although the "+p.Value.In+" parameter "+p.Value.Name, value, schema); err != nil {
				return err
			}
		}
	}
	if op.RequestBody == nil {
		return nil
	}
	return checkJSON("granted although the request's body", x.RequestBody, op.RequestBody.Value.Content.Get("application/json").Schema.Value)
}

// checkText is for parameters and headers: texts that may stand for numbers.
func checkText(what, value string, schema *openapi3.Schema) error {
	if !schema.Type.Is("string") {
		return checkJSON(what, []byte(value), schema)
	}
	return visit(what, value, schema)
}

func checkJSON(what string, text []byte, schema *openapi3.Schema) error {
	var value any
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		return fmt.Errorf("%s is not JSON: %w", what, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s is more than one JSON document", what)
	}
	return visit(what, value, schema)
}

func visit(what string, value any, schema *openapi3.Schema) error {
	if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func plain(x Exchange) ([]byte, error) {
	if x.Header.Get("Content-Encoding") != "gzip" {
		return x.Body, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(x.Body))
	if err != nil {
		return nil, fmt.Errorf("decompress the body: %w", err)
	}
	body, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decompress the body: %w", err)
	}
	return body, nil
}
