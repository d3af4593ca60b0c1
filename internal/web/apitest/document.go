package apitest

import (
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Document is an OpenAPI 3.1 document that answers are held against.
type Document struct{ doc *openapi3.T }

// Load reads a document, which must be a valid one, its examples included.
func Load(text []byte) (*Document, error) {
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(text)
	if err != nil {
		return nil, fmt.Errorf("load the document: %w", err)
	}
	if err := doc.Validate(loader.Context); err != nil {
		return nil, fmt.Errorf("validate the document: %w", err)
	}
	if !doc.IsOpenAPI31OrLater() {
		return nil, fmt.Errorf("validate the document: it is OpenAPI %s", doc.OpenAPI)
	}
	// Clients must bear members that are added later; in a test one that the
	// document does not name is a mistake.
	for _, schema := range doc.Components.Schemas {
		if no := false; len(schema.Value.Properties) > 0 && schema.Value.AdditionalProperties.Has == nil {
			schema.Value.AdditionalProperties.Has = &no
		}
	}
	return &Document{doc}, nil
}

// Operations lists the document's operations: "GET /notes/{id}".
func (d *Document) Operations() []string {
	var list []string
	for path, entry := range d.doc.Paths.Map() {
		for method := range entry.Operations() {
			list = append(list, method+" "+path)
		}
	}
	slices.Sort(list)
	return list
}

// Exchange is a request and its answer.
type Exchange struct {
	Method        string
	URL           *url.URL
	RequestHeader http.Header
	RequestBody   []byte
	Status        int
	Header        http.Header
	Body          []byte
}

// Check returns how the exchange departs from the document, or nil.
func (d *Document) Check(x Exchange) error {
	if x.Method == http.MethodOptions && x.RequestHeader.Get("Access-Control-Request-Method") != "" {
		return nil
	}
	entry, params := d.find(x.URL.Path)
	var op *openapi3.Operation
	if entry != nil {
		op = entry.GetOperation(x.Method)
	}
	if op == nil {
		return d.checkStray(x, entry)
	}
	response := op.Responses.Status(x.Status)
	if response == nil {
		return fmt.Errorf("the operation %s does not declare this status", op.OperationID)
	}
	if x.Method == http.MethodHead && len(response.Value.Content) > 0 {
		return fmt.Errorf("the operation %s declares content, which HEAD has none of", op.OperationID)
	}
	if err := checkAnswer(x, response.Value); err != nil {
		return err
	}
	if x.Status/100 == 2 {
		return checkRequest(x, op, params)
	}
	return nil
}

// checkStray is for what is no operation. A 405 has the form of any problem.
func (d *Document) checkStray(x Exchange, entry *openapi3.PathItem) error {
	names := map[int]string{http.StatusNotFound: "NotFound", http.StatusRequestEntityTooLarge: "ContentTooLarge", http.StatusInternalServerError: "InternalServerError"}
	if entry != nil {
		names[http.StatusMethodNotAllowed] = "InternalServerError"
		delete(names, http.StatusNotFound)
	}
	response := d.doc.Components.Responses[names[x.Status]]
	if response == nil {
		return fmt.Errorf("there is no such operation, so it can be one of %v only", slices.Sorted(maps.Keys(names)))
	}
	if x.Status == http.StatusMethodNotAllowed {
		allowed := strings.Split(strings.ReplaceAll(x.Header.Get("Allow"), " ", ""), ",")
		slices.Sort(allowed)
		if has := slices.Sorted(maps.Keys(entry.Operations())); !slices.Equal(allowed, has) {
			return fmt.Errorf("the header Allow has %v, the document %v", allowed, has)
		}
		x.Header = x.Header.Clone()
		x.Header.Del("Allow")
	}
	return checkAnswer(x, response.Value)
}

// find returns the path entry for a path, and the path's parameters. One
// without parameters goes before one that has some.
func (d *Document) find(path string) (*openapi3.PathItem, map[string]string) {
	if entry := d.doc.Paths.Value(path); entry != nil {
		return entry, nil
	}
	parts := strings.Split(path, "/")
	for template, entry := range d.doc.Paths.Map() {
		if params := match(strings.Split(template, "/"), parts); params != nil {
			return entry, params
		}
	}
	return nil, nil
}

// match returns nil if a path does not fit a template.
func match(template, parts []string) map[string]string {
	if len(template) != len(parts) {
		return nil
	}
	params := map[string]string{}
	for i, part := range template {
		name := strings.Trim(part, "{}")
		switch {
		case name != part && parts[i] != "":
			params[name] = parts[i]
		case part != parts[i]:
			return nil
		}
	}
	return params
}

func mediaType(header http.Header) string {
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return header.Get("Content-Type")
	}
	return media
}
