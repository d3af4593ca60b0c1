package openapi

import (
	"maps"
	"net/http"
	"strconv"
	"strings"

	"example.com/transcription-api/internal/web"
)

// responses are the route's replies, and the problems it can have.
func (d *document) responses(r Route) object {
	all := object{}
	for _, status := range r.problems() {
		all[strconv.Itoa(status)] = d.ref("responses", problemName(status))
	}
	if r.Condition == "If-None-Match" {
		all["304"] = object{"description": "Not Modified", "headers": d.headers("ETag")}
	}
	for _, reply := range r.Replies {
		if r.Idempotent {
			reply.Headers += " " + web.IdempotentReplayed
		}
		all[strconv.Itoa(reply.Status)], _ = d.reply(reply) // Register has tried it
	}
	return all
}

// withoutContent is what HEAD answers: generated clients would wait for a body.
func (d *document) withoutContent(r Route) object {
	all := d.responses(r)
	for _, status := range r.problems() {
		all[strconv.Itoa(status)] = d.problem(status)
	}
	for _, reply := range r.Replies {
		all[strconv.Itoa(reply.Status)], _ = d.reply(reply)
	}
	for _, response := range all {
		delete(response.(object), "content")
	}
	return all
}

// problems lists the statuses of the route's errors: its own, those that follow
// from what it reads, and those of the middlewares around it.
func (r Route) problems() []int {
	list := append([]int{http.StatusRequestEntityTooLarge, http.StatusInternalServerError}, r.Fails...)
	if r.Serve.Transactional {
		list = append(list, http.StatusUnauthorized, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	}
	if r.Method != http.MethodGet {
		list = append(list, http.StatusForbidden)
	}
	if r.Body != nil {
		list = append(list, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	}
	if r.Query != nil {
		list = append(list, http.StatusUnprocessableEntity)
	}
	if strings.Contains(DocPath(r.Path), "{") {
		list = append(list, http.StatusNotFound)
	}
	if r.Idempotent {
		list = append(list, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusConflict, http.StatusUnprocessableEntity)
	}
	if r.Condition == "If-Match" {
		list = append(list, http.StatusPreconditionFailed)
	}
	return list
}

// reply is a response object. One without a body has no content.
func (d *document) reply(r Reply) (object, error) {
	response, content := object{"description": web.StatusTitle(r.Status), "headers": d.headers(r.Headers)}, object{}
	if r.Body != nil {
		schema, err := d.types.Answer(r.Body)
		if err != nil {
			return nil, err
		}
		content["application/json"] = object{"schema": schema.Doc}
	}
	for media := range strings.FieldsSeq(r.Media) {
		content[media] = object{"schema": object{"type": "string"}}
	}
	if len(content) > 0 {
		response["content"] = content
	}
	return response, nil
}

func (d *document) headers(names string) object {
	list := object{"X-Request-ID": d.ref("headers", "X-Request-ID")}
	for name := range strings.FieldsSeq(names) {
		if name, optional := strings.CutSuffix(name, "?"); optional {
			list[name] = notRequired(name)
		} else {
			list[name] = d.ref("headers", name)
		}
	}
	return list
}

// notRequired is the header of that name where it may be missing.
func notRequired(name string) object {
	header := maps.Clone(headers[name].(object))
	delete(header, "required")
	return header
}

// failures says of each error when it comes. 404 is also the answer for paths
// that are no route, where there is no operation to name it.
var failures = map[int]string{
	http.StatusBadRequest:            "The body is not one JSON object, or has an unknown, repeated or mistyped member. Or a header can not be used.",
	http.StatusUnauthorized:          "The service has keys, and none of them was sent.",
	http.StatusForbidden:             "A web page of an origin that is not allowed may change nothing.",
	http.StatusNotFound:              "There is no such thing, or the path is no route.",
	http.StatusRequestTimeout:        "The body did not arrive in time.",
	http.StatusConflict:              "What is stored does not allow the change. With Retry-After: a request with the same Idempotency-Key still runs.",
	http.StatusPreconditionFailed:    "If-Match does not hold, or If-None-Match does.",
	http.StatusRequestEntityTooLarge: "The body is larger than the service allows.",
	http.StatusUnsupportedMediaType:  "The body does not say that it is JSON in UTF-8.",
	http.StatusMisdirectedRequest:    "The server listens on loopback, and the request's Host is not one of its names.",
	http.StatusUnprocessableEntity:   "A rule for a member or a parameter is broken, or the Idempotency-Key was used for another request: errors names each.",
	http.StatusInternalServerError:   "Something went wrong on the service's side.",
	http.StatusServiceUnavailable:    "The service is busy, or its database is away. Try again after Retry-After seconds.",
	http.StatusGatewayTimeout:        "The request took longer than the service allows.",
}

// problem is the response that operations refer to.
func (d *document) problem(status int) object {
	own := map[int]string{http.StatusUnauthorized: "WWW-Authenticate", http.StatusConflict: "Retry-After?", http.StatusServiceUnavailable: "Retry-After"}
	when := failures[status]
	if when == "" {
		when = web.StatusTitle(status) + "."
	}
	sample := web.Problem{Type: "about:blank", Title: web.StatusTitle(status), Status: status, Detail: when, RequestID: "4TXKVKHGGMFJXQOYJQLGAXPMD2"}
	if status == http.StatusUnprocessableEntity {
		sample.Errors = []web.FieldError{{Field: "title", Message: "is required"}}
	}
	schema, _ := d.types.Answer(web.Problem{}) // of texts and numbers
	media := object{"schema": schema.Doc, "example": sample}
	return object{"description": when, "headers": d.headers(own[status]), "content": object{web.ProblemMedia: media}}
}

// problems are the components for the statuses that any operation has.
func (d *document) problems() object {
	list := object{}
	for status := 400; status < 600; status++ {
		if d.used["responses/"+problemName(status)] {
			list[problemName(status)] = d.problem(status)
		}
	}
	return list
}

func problemName(status int) string { return strings.ReplaceAll(web.StatusTitle(status), " ", "") }
