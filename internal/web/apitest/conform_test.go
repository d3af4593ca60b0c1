package apitest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"example.com/transcription-api/internal/web/apitest"
)

const document = `{"openapi":"3.1.0","info":{"title":"t","version":"1"},
"paths":{"/heads":{"head":{"operationId":"head","responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"type":"object"}}}}}}},
"/things/{id}":{
	"parameters":[],
	"get":{"operationId":"get","parameters":[
		{"name":"id","in":"path","required":true,"schema":{"type":"integer"}},
		{"name":"limit","in":"query","schema":{"type":"integer","maximum":9}},
		{"name":"tag","in":"query","schema":{"type":"array","items":{"type":"integer"}}}],
	"responses":{
		"200":{"description":"ok","headers":{"ETag":{"required":true,"schema":{"type":"string","pattern":"^\""}}},
			"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Things"}}}},
		"304":{"description":"same"}}},
	"post":{"operationId":"post","parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"integer"}}],
		"requestBody":{"content":{"application/json":{"schema":{"$ref":"#/components/schemas/Thing"}}}},
		"responses":{"204":{"description":"done"}}}}},
"components":{
	"schemas":{
		"Things":{"type":"object","required":["things"],"properties":{"things":{"type":"array","items":{"$ref":"#/components/schemas/Thing"}}}},
		"Thing":{"type":"object","required":["name"],"properties":{
			"name":{"type":"string","minLength":1},"size":{"type":["integer","null"],"minimum":0},"kind":{"type":"string","enum":["a","b"]}}},
		"Problem":{"type":"object","required":["status"],"properties":{"status":{"type":"integer"}}}},
	"responses":{
		"NotFound":{"description":"no","content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}},
		"InternalServerError":{"description":"no","content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/Problem"}}}}}}}`

// fakeT takes the place of the test that is to fail.
type fakeT struct {
	testing.TB
	errors []string
}

func (f *fakeT) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

// fixed answers with what its fields say, whatever is asked of it.
type fixed struct {
	status                     int
	media, etag, allow, answer string
}

func (f fixed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/openapi.json" {
		_, _ = w.Write([]byte(document))
		return
	}
	_, _ = r.Body.Read(make([]byte, 1000))
	for name, value := range map[string]string{"Content-Type": f.media, "ETag": f.etag, "Allow": f.allow} {
		if value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(f.status)
	_, _ = w.Write([]byte(f.answer))
}

func TestConform(t *testing.T) {
	t.Parallel()
	const js, problem, good = "application/json", "application/problem+json", `{"things":[{"name":"x","size":null,"kind":"a"}]}`
	for _, test := range []struct {
		name    string
		request string // method, path, body
		answer  fixed
		fault   string // part of the message; none: the answer conforms
	}{
		{"right", "GET /things/1?limit=9", fixed{200, js, `"1"`, "", good}, ""},
		{"right, no body", "HEAD /other", fixed{404, problem, "", "", ""}, ""},
		{"right, 304", "GET /things/1", fixed{304, "", "", "", ""}, ""},
		{"undeclared status", "GET /things/1", fixed{500, js, "", "", good}, "does not declare this status"},
		{"undeclared media type", "GET /things/1", fixed{200, "text/plain", `"1"`, "", good}, "Content-Type"},
		{"no media type", "GET /things/1", fixed{200, "", `"1"`, "", ""}, "Content-Type"},
		{"missing header", "GET /things/1", fixed{200, js, "", "", good}, "ETag is missing"},
		{"wrong header", "GET /things/1", fixed{200, js, "1", "", good}, "ETag"},
		{"undeclared header", "GET /things/1", fixed{200, js, `"1"`, "GET", good}, "Allow: GET is not declared"},
		{"no JSON", "GET /things/1", fixed{200, js, `"1"`, "", `{"things":`}, "not JSON"},
		{"two documents", "GET /things/1", fixed{200, js, `"1"`, "", good + good}, "more than one"},
		{"missing member", "GET /things/1", fixed{200, js, `"1"`, "", `{}`}, "things"},
		{"undeclared member", "GET /things/1", fixed{200, js, `"1"`, "", `{"things":[],"more":1}`}, "more"},
		{"undeclared inner member", "GET /things/1", fixed{200, js, `"1"`, "", `{"things":[{"name":"x","more":1}]}`}, "more"},
		{"inner type", "GET /things/1", fixed{200, js, `"1"`, "", `{"things":[{"name":"x","size":"1"}]}`}, "size"},
		{"inner limit", "GET /things/1", fixed{200, js, `"1"`, "", `{"things":[{"name":"x","size":-1}]}`}, "size"},
		{"inner enum", "GET /things/1", fixed{200, js, `"1"`, "", `{"things":[{"name":"x","kind":"c"}]}`}, "kind"},
		{"inner null", "GET /things/1", fixed{200, js, `"1"`, "", `{"things":[{"name":null}]}`}, "name"},
		{"body where none is", "POST /things/1 {\"name\":\"x\"}", fixed{204, js, "", "", "x"}, "there is a body"},
		{"bad body granted", "POST /things/1 {\"name\":\"\"}", fixed{204, "", "", "", ""}, "granted although the request's body"},
		{"bad query granted", "GET /things/1?limit=10", fixed{200, js, `"1"`, "", good}, "granted although the query parameter limit"},
		{"list", "GET /things/1?tag=1&tag=2", fixed{200, js, `"1"`, "", good}, ""},
		{"bad list granted", "GET /things/1?tag=1&tag=x", fixed{200, js, `"1"`, "", good}, "granted although the query parameter tag"},
		{"content for HEAD", "HEAD /heads", fixed{200, js, "", "", ""}, "declares content"},
		{"bad path granted", "GET /things/x", fixed{200, js, `"1"`, "", good}, "granted although the path parameter id"},
		{"unknown path granted", "GET /other", fixed{200, js, "", "", good}, "no such operation"},
		{"405 with the methods", "PUT /things/1", fixed{405, problem, "", "POST, GET", `{"status":405}`}, ""},
		{"405 with other methods", "PUT /things/1", fixed{405, problem, "", "GET", `{"status":405}`}, "Allow has"},
		{"404 for a known path", "PUT /things/1", fixed{404, problem, "", "", `{"status":404}`}, "no such operation"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			fake := &fakeT{TB: t}
			parts := strings.SplitN(test.request, " ", 3)
			body := strings.NewReader(strings.Join(parts[2:], ""))
			req := httptest.NewRequestWithContext(t.Context(), parts[0], parts[1], body)
			apitest.Conform(fake, test.answer).ServeHTTP(httptest.NewRecorder(), req)
			said := strings.Join(fake.errors, "\n")
			if test.fault == "" && said != "" || !strings.Contains(said, test.fault) {
				t.Errorf("said %q, want %q", said, test.fault)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"no document":       {document, `{}`},
		"another version":   {`"3.1.0"`, `"3.0.3"`},
		"a dangling ref":    {`"$ref":"#/components/schemas/Thing"`, `"$ref":"#/components/schemas/Nothing"`},
		"no responses":      {`"responses":{"204":{"description":"done"}}`, `"responses":{}`},
		"an unknown type":   {`"type":"integer","maximum":9`, `"type":"number of"`},
		"a wrong example":   {`"maximum":9`, `"maximum":9,"example":10`},
		"a wrong default":   {`"maximum":9`, `"maximum":9,"default":10`},
		"no such parameter": {`"name":"id"`, `"name":"other"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := apitest.Load([]byte(strings.Replace(document, change[0], change[1], 1))); err == nil {
				t.Error("loaded")
			}
		})
	}
}
