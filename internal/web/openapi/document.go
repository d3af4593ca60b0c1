package openapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"example.com/transcription-api/internal/web"
)

// document is the document in the making.
type document struct {
	types *web.Types
	api   API
	paths web.Ordered
	used  map[string]bool // the components that it refers to
}

type object = web.Doc

func (d *document) ref(kind, name string) object {
	d.used[kind+"/"+name] = true
	return object{"$ref": "#/components/" + kind + "/" + name}
}

func (d *document) whole() object {
	responses := d.problems() // which use headers and schemas
	components := object{
		"responses":  responses,
		"schemas":    d.types.Components,
		"parameters": d.only("parameters", parameters),
		"headers":    d.only("headers", headers),
	}
	if schemes := d.only("securitySchemes", object{"bearer": bearer}); len(schemes) > 0 { // an empty list has the page ask for a key
		components["securitySchemes"] = schemes
	}
	return object{
		"openapi":    "3.1.0",
		"info":       d.info(),
		"servers":    []object{{"url": "."}}, // beside this document, also behind a proxy's prefix
		"tags":       d.api.Tags,
		"paths":      d.paths,
		"components": components,
	}
}

func (d *document) info() object {
	info := object{"title": d.api.Title, "version": d.api.Version, "description": d.api.Description}
	if d.api.Contact != (Contact{}) {
		info["contact"] = d.api.Contact
	}
	if d.api.License != (License{}) {
		info["license"] = d.api.License
	}
	return info
}

// only leaves out the components that nothing refers to.
func (d *document) only(kind string, all object) object {
	some := object{}
	for name, component := range all {
		if d.used[kind+"/"+name] {
			some[name] = component
		}
	}
	return some
}

func (d *document) describe(r Route, body, query *web.Schema) {
	for _, method := range r.methods() {
		entry := d.path(DocPath(r.Path))
		*entry = append(*entry, web.Member{Name: strings.ToLower(method), Value: d.operation(r, method, body, query)})
	}
}

func (d *document) path(path string) *web.Ordered {
	for _, m := range d.paths {
		if m.Name == path {
			return m.Value.(*web.Ordered)
		}
	}
	entry := &web.Ordered{}
	d.paths = append(d.paths, web.Member{Name: path, Value: entry})
	return entry
}

func (d *document) operation(r Route, method string, body, query *web.Schema) object {
	tag := r.Tag
	if tag == "" {
		tag = strings.Split(r.Path, "/")[1]
	}
	op := object{
		"operationId": r.Name, "summary": r.Summary, "description": r.about(), "tags": []string{tag}, "security": []object{},
		"parameters": d.parameters(r, query), "responses": d.responses(r),
	}
	if method == http.MethodHead {
		op["operationId"], op["summary"], op["responses"] = r.Name+"Head", r.Summary+" (headers only)", d.withoutContent(r)
		op["description"] = "The status and the headers of GET, without its body."
	}
	if r.Serve.Transactional && d.api.Keys {
		d.used["securitySchemes/bearer"] = true
		op["security"] = []object{{"bearer": []string{}}}
	}
	if body != nil {
		media := object{"schema": body.Doc}
		if examples := (object{}); len(r.Examples) > 0 {
			for _, e := range r.Examples {
				examples[e.Name] = object{"summary": e.Summary, "value": json.RawMessage(e.Body)}
			}
			media["examples"] = examples
		}
		content := object{"application/json": media}
		if method == http.MethodPatch { // which is what leaving out and null mean
			content["application/merge-patch+json"] = media
		}
		op["requestBody"] = object{"required": true, "content": content}
	}
	return op
}

// parameters are listed with the required ones first, and last what any route has.
func (d *document) parameters(r Route, query *web.Schema) []object {
	list := []object{}
	for part := range strings.SplitSeq(r.Path, "/") {
		if name := parameter(part); name != "" {
			list = append(list, pathParameter(name))
		}
	}
	if query != nil {
		for _, field := range *query.Fields {
			p := object{"name": field.Name, "in": "query", "required": field.Required, "schema": field.Doc}
			if about := field.Doc["description"]; about != nil {
				p["description"] = about // where readers look for it
			}
			list = append(list, p)
		}
		slices.SortStableFunc(list, func(a, b object) int { return weight(a) - weight(b) })
	}
	if r.Condition != "" {
		list = append(list, d.ref("parameters", r.Condition))
	}
	if r.Condition == "If-Match" {
		list = append(list, d.ref("parameters", "If-None-Match"))
	}
	if r.Idempotent {
		list = append(list, d.ref("parameters", web.IdempotencyKey))
	}
	return append(list, d.ref("parameters", "X-Request-ID"))
}

func weight(parameter object) int {
	if parameter["required"] == true {
		return 0
	}
	return 1
}

// pathParameter: an id is a row's; what can not be one is not found.
func pathParameter(name string) object {
	about, schema := "Which "+name+".", object{"type": "string"}
	if name == "id" || strings.HasSuffix(name, "_id") {
		about, schema = "As the answer that created it says.", object{"type": "integer", "format": "int64", "minimum": 1}
	}
	return object{"name": name, "in": "path", "required": true, "description": about, "schema": schema}
}

// parameters and headers are those that routes name.
var (
	requestID  = object{"type": "string", "pattern": web.RequestIDPattern}
	parameters = object{
		"X-Request-ID":  inHeader("X-Request-ID", "Names the request in answers and logs. One that does not match is replaced, not refused.", requestID),
		"If-Match":      inHeader("If-Match", "Act only if the resource still has one of these ETags, or `*`.", object{"type": "string"}),
		"If-None-Match": inHeader("If-None-Match", "Act, or send the answer, only if the resource has none of these ETags. `*`: only if it is not there.", object{"type": "string"}),
		web.IdempotencyKey: inHeader(web.IdempotencyKey, "A new text for each new request, such as a UUID, and the same one when the request is repeated: "+
			"it is then carried out once, and a repeat gets the first one's answer. In quotes or without. Forgotten after a time "+
			"(a day, unless the service says otherwise); free again after an error.",
			object{"type": "string", "pattern": web.IdempotencyKeyPattern, "examples": []string{"8e03978e-40d5-43dd-bc93-6894a57f9324"}}),
	}
	headers = object{
		"X-Request-ID":     header("The request's id, also in the log.", requestID),
		"ETag":             header("The version, for If-Match and If-None-Match. Changes with every update.", object{"type": "string", "pattern": `^"[!#-~]+"$`}),
		"Location":         header("Where the new resource is.", object{"type": "string", "pattern": `^/[a-z_-]+/[1-9][0-9]*$`}),
		"WWW-Authenticate": header("The scheme to use.", object{"type": "string", "pattern": "^Bearer"}),
		"Retry-After":      header("Seconds.", object{"type": "integer", "minimum": 0}),
		web.IdempotentReplayed: object{
			"description": "This is the answer to an earlier request with the same Idempotency-Key; nothing was done for this one.",
			"schema":      object{"type": "boolean"},
		},
	}
	bearer = object{"type": "http", "scheme": "bearer", "description": "One of the keys in API_KEYS."}
)

func inHeader(name, description string, schema object) object {
	return object{"name": name, "in": "header", "description": description, "schema": schema}
}

func header(description string, schema object) object {
	return object{"description": description, "required": true, "schema": schema}
}
