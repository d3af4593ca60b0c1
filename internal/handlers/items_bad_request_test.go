package handlers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	notJSON = "415 Send JSON: Content-Type: application/json, in UTF-8."
	noItem  = "404 There is nothing with this id."
	noPath  = "404 There is nothing at this path."
	aSlash  = " Without the slash at its end there is."
)

// TestBadRequests: what is wrong is not in the body. in is "METHOD path", and then headers after "|"; the body is a good one.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := create(t, s)
	for _, row := range []badRow{
		// Content types.
		{`POST /items|Content-Type:`, notJSON},
		{`POST /items|Content-Type: text/plain`, notJSON},
		{`POST /items|Content-Type: text/json`, notJSON},
		{`POST /items|Content-Type: application/x-www-form-urlencoded`, notJSON},
		{`POST /items|Content-Type: multipart/form-data; boundary=x`, notJSON},
		{`POST /items|Content-Type: application/jsonp`, notJSON},
		{`POST /items|Content-Type: application/json, text/plain`, notJSON},
		{`POST /items|Content-Type: /`, notJSON},
		{`POST /items|Content-Type: json`, notJSON},
		{`POST /items|Content-Type: image/svg+json`, notJSON},
		{`POST /items|Content-Encoding: gzip`, "415 Send the body without Content-Encoding."},
		{`POST /items|Content-Encoding: br, gzip`, "415 Send the body without Content-Encoding."},
		{`PATCH ITEM|Content-Type: application/xml`, notJSON},
		{`PATCH ITEM|Content-Type:`, notJSON},
		// Ids that cannot be.
		{`GET /items/abc`, noItem},
		{`GET /items/0`, noItem},
		{`GET /items/-1`, noItem},
		{`GET /items/+1`, noItem},
		{`GET /items/01`, noItem},
		{`GET /items/1.0`, noItem},
		{`GET /items/1e3`, noItem},
		{`GET /items/0x1`, noItem},
		{`GET /items/%201`, noItem},
		{`GET /items/1%00`, noItem},
		{`GET /items/%D9%A1`, noItem}, // an Arabic digit
		{`GET /items/%FF`, noItem},
		{`GET /items/9223372036854775807`, noItem},
		{`GET /items/9223372036854775808`, noItem},
		{`GET /items/-9223372036854775808`, noItem},
		{`GET /items/18446744073709551617`, noItem},
		{`GET /items/1%20or%201=1`, noItem},
		{`GET /items/1;drop`, noItem},
		{`GET /items/` + strings.Repeat("9", 5000), noItem},
		{`PATCH /items/abc`, noItem},
		{`PATCH /items/9223372036854775807`, noItem},
		{`DELETE /items/abc`, noItem},
		{`DELETE /items/9223372036854775807`, noItem},
		// Paths without a route.
		{`GET /`, noPath + " /docs describes the API to people, /openapi.json to programs."},
		{`GET /items/`, noPath + aSlash},
		{`POST /items/`, noPath + aSlash},
		{`GET //items`, noPath},
		{`GET /Items`, noPath},
		{`GET ITEM/`, noPath + aSlash},
		{`GET ITEM/x`, noPath},
		{`GET /items/1%2F2`, noPath},
		{`GET /items%2F1`, noPath},
		{`DELETE /items%2f1`, noPath},
		{`GET /health%2Flive`, noPath},
		{`GET /items/../health/live`, noPath},
		{`GET /items/%2e%2e/health/live`, noPath},
		{`GET /health`, noPath},
		{`GET /favicon.ico`, noPath},
		{`OPTIONS /nowhere`, noPath},
		// Methods that a path does not have.
		{`PUT /items`, "405 This path does not have this method: see Allow. Allow: POST, GET, HEAD"},
		{`PATCH /items`, "405 This path does not have this method: see Allow. Allow: POST, GET, HEAD"},
		{`DELETE /items`, "405 This path does not have this method: see Allow. Allow: POST, GET, HEAD"},
		{`OPTIONS /items`, "405 This path does not have this method: see Allow. Allow: POST, GET, HEAD"},
		{`TRACE /items`, "405 This path does not have this method: see Allow. Allow: POST, GET, HEAD"},
		{`CONNECT /items`, "405 This path does not have this method: see Allow. Allow: POST, GET, HEAD"},
		{`get /items`, "405 This path does not have this method: see Allow. Allow: POST, GET, HEAD"},
		{`QUERY /items`, "405 This path does not have this method: see Allow. Allow: POST, GET, HEAD"},
		{`PROPFIND /items`, "405 This path does not have this method: see Allow. Allow: POST, GET, HEAD"},
		{`POST ITEM`, "405 This path does not have this method: see Allow. Allow: GET, HEAD, PATCH, DELETE"},
		{`PUT ITEM`, "405 This path does not have this method: see Allow. Allow: GET, HEAD, PATCH, DELETE"},
		{`PUT /items/abc`, "405 This path does not have this method: see Allow. Allow: GET, HEAD, PATCH, DELETE"},
		{`POST /health/live`, "405 This path does not have this method: see Allow. Allow: GET, HEAD"},
		{`DELETE /health/db`, "405 This path does not have this method: see Allow. Allow: GET, HEAD"},
		// Query parameters.
		{`GET /items?limit=0`, "422 limit: must be at least 1"},
		{`GET /items?limit=-1`, "422 limit: must be at least 1"},
		{`GET /items?limit=101`, "422 limit: must be at most 100"},
		{`GET /items?limit=1.5`, "422 limit: must be a whole number"},
		{`GET /items?limit=ten`, "422 limit: must be a whole number"},
		{`GET /items?limit=1e1`, "422 limit: must be a whole number"},
		{`GET /items?limit=`, "422 limit: must be given once, with a value"},
		{`GET /items?limit`, "422 limit: must be given once, with a value"},
		{`GET /items?limit=1&limit=2`, "422 limit: must be given once, with a value"},
		{`GET /items?limit=%201`, "422 limit: must be a whole number, without white space"},
		{`GET /items?limit=99999999999999999999`, "422 limit: must be at most 100"},
		{`GET /items?limit=-99999999999999999999`, "422 limit: must be at least 1"},
		{`GET /items?limit=0x10`, "422 limit: must be a whole number, in decimal digits"},
		{`GET /items?limit=1_0`, "422 limit: must be a whole number, without separators"},
		{`GET /items?limit=%D9%A1`, "422 limit: must be a whole number"},
		{`GET /items?status=done`, "422 status: must be one of: pending, processing, processed, failed"},
		{`GET /items?status=`, "422 status: must be given once, with a value"},
		{`GET /items?status=pending&status=failed`, "422 status: must be given once, with a value"},
		{`GET /items?status=pending,failed`, "422 status: must be one of: pending, processing, processed, failed"},
		{`GET /items?status=pending%00`, "422 status: must be one of: pending, processing, processed, failed"},
		{`GET /items?status=%FF`, "422 status: must be one of: pending, processing, processed, failed"},
		{`GET /items?status='%20OR%201=1--`, "422 status: must be one of: pending, processing, processed, failed"},
		{`GET /items?language=`, "422 language: must be given once, with a value"},
		{`GET /items?language=en_US`, inTag + "with hyphens and no underscores, such as en or pt-BR"},
		{`GET /items?language=%00`, inTag + "of the letters a to z, digits and hyphens alone, such as en or pt-BR"},
		{`GET /items?language=%FF`, inTag + "of the letters a to z, digits and hyphens alone, such as en or pt-BR"},
		{`GET /items?language=` + strings.Repeat("a-", 500), "422 language: must be at most 100 characters long"},
		{`GET /items?cursor=`, "422 cursor: must be given once, with a value"},
		{`GET /items?cursor=x`, "422 cursor: must be the next_cursor of an earlier page"},
		{`GET /items?cursor=AAAA`, "422 cursor: must be the next_cursor of an earlier page"},
		{`GET /items?cursor=` + strings.Repeat("A", 32), "422 cursor: must be the next_cursor of an earlier page"},
		{`GET /items?cursor=` + strings.Repeat("A", 10_000), "422 cursor: must be the next_cursor of an earlier page"},
		{`GET /items?cursor=%00`, "422 cursor: must not contain the character U+0000"},
		{`GET /items?cursor=%FF`, "422 cursor: must be UTF-8"},
		{`GET /items?cursor=1&cursor=2`, "422 cursor: must be given once, with a value"},
		{`GET /items?status=x&language=_&limit=0`, "422 status: must be one of: pending, processing, processed, failed; language: must be a BCP 47 language tag, with hyphens and no underscores, such as en or pt-BR; limit: must be at least 1"},
		{`GET /items?limit=%zz`, "422 limit: is not percent-encoded correctly"},
		{`GET /items?limit=1;status=pending`, "422 limit: must be a whole number"},
		{`GET /items?stauts=failed`, "422 stauts: is not a parameter: did you mean status?"},
		{`GET /items?Status=failed`, "422 Status: is not a parameter: did you mean status?"},
		{`GET /items?limt=%zz&lang=de`, "422 limt: is not a parameter: did you mean limit?; lang: is not a parameter: did you mean language?"},
		{`GET /items?curser=x&limit=0`, "422 curser: is not a parameter: did you mean cursor?; limit: must be at least 1"},
		// Conditions.
		{`PATCH ITEM|If-Match: "0"`, "412 If-Match does not hold: it has changed since. Fetch it again and repeat the request with its new ETag."},
		{`DELETE ITEM|If-Match: W/"1"`, `412 If-Match does not hold: a weak tag, W/"…", never matches. A proxy that compresses answers makes ETags weak: send the tag without W/, or turn the compression off.`},
		{`DELETE ITEM|If-Match: 1`, "412 If-Match does not hold: an entity tag stands in double quotes, as ETag gives it."},
		{`DELETE ITEM|If-Match: "abc"`, "412 If-Match does not hold: it names no ETag of this service. Fetch it again and send what ETag gives."},
		{`DELETE ITEM|If-Match:`, "412 If-Match does not hold: it names no ETag of this service. Fetch it again and send what ETag gives."},
		{`DELETE ITEM|If-None-Match: *`, "412 If-None-Match holds: it is at a version that the request excludes."},
		{`DELETE ITEM|If-None-Match: "9", W/"1"`, "412 If-None-Match holds: it is at a version that the request excludes."},
		{`PATCH /items/999999|If-None-Match: *`, noItem},
	} {
		request, headers, _ := strings.Cut(strings.Replace(row.in, "ITEM", path, 1), "|")
		method, target, _ := strings.Cut(request, " ")
		body := ""
		switch method {
		case "POST":
			body = item
		case "PATCH":
			body = `{"title":"new"}`
		}
		answer := s.Do(t, method, target, body, strings.FieldsFunc(headers, func(r rune) bool { return r == '|' })...)
		if method != http.MethodHead {
			answer.CheckProblem(t, row.in)
		}
		got := answer.Summary()
		if allow := answer.Header.Get("Allow"); allow != "" || answer.Status == http.StatusMethodNotAllowed {
			got += " Allow: " + allow
		}
		if got != row.want {
			t.Errorf("%.80q\n got %s\nwant %s", row.in, got, row.want)
		}
	}
	if n, item := rows(t, s), s.Do(t, "GET", path, ""); n != 1 || item.Header.Get("Etag") != `"1"` {
		t.Errorf("bad requests have left %d rows, and the item as %s", n, item.Body)
	}
	for deadline := time.Now().Add(time.Minute); s.DB.Status().CheckedOut != 0; time.Sleep(time.Millisecond) { // a reader's comes back after its answer
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are still out", s.DB.Status().CheckedOut)
		}
	}
}
