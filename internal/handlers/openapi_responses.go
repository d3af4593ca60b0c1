package handlers

import (
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// responses are the route's replies, and the problems it can have. HEAD has the
// same: its content names the type that the header would have, though no body comes.
func (r route) responses(types *schemas) object {
	all := map[int]object{}
	for _, status := range r.problems() {
		all[status] = ref("responses", problemName(status))
	}
	if r.condition == "If-None-Match" {
		all[http.StatusNotModified] = reply{status: http.StatusNotModified, headers: "ETag"}.describe(types)
	}
	for _, answer := range r.replies {
		if r.idempotent {
			answer.headers += " " + replayedHeader
		}
		all[answer.status] = answer.describe(types)
	}
	var sorted object
	for _, status := range slices.Sorted(maps.Keys(all)) {
		sorted.set(strconv.Itoa(status), all[status])
	}
	return sorted
}

// problems lists the statuses of the route's errors: its own, those that follow
// from what it reads, and those of the middlewares around it.
func (r route) problems() []int {
	list := append([]int{http.StatusRequestEntityTooLarge, http.StatusInternalServerError}, r.fails...)
	if r.serve.transactional {
		list = append(list, http.StatusUnauthorized, http.StatusServiceUnavailable, http.StatusGatewayTimeout)
	}
	if r.body != nil {
		list = append(list, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity)
	}
	if r.query != nil {
		list = append(list, http.StatusUnprocessableEntity)
	}
	if strings.Contains(r.path, ":") {
		list = append(list, http.StatusNotFound)
	}
	if r.idempotent {
		list = append(list, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusConflict, http.StatusUnprocessableEntity)
	}
	if r.condition == "If-Match" {
		list = append(list, http.StatusPreconditionFailed)
	}
	return list
}

// describe is the reply's response object. One without a body has no content.
func (r reply) describe(types *schemas) object {
	fields := object{{"X-Request-ID", ref("headers", "X-Request-ID")}}
	for name := range strings.FieldsSeq(r.headers) {
		if name, optional := strings.CutSuffix(name, "?"); optional {
			fields.set(name, notRequired(name))
			continue
		}
		fields.set(name, ref("headers", name))
	}
	response := object{{"description", title(r.status)}, {"headers", fields}}
	var content object
	if r.body != nil {
		content.set("application/json", object{{"schema", types.of(reflect.TypeOf(r.body))}})
	}
	for media := range strings.FieldsSeq(r.media) {
		content.set(media, object{{"schema", object{{"type", "string"}}}})
	}
	if content != nil {
		response.set("content", content)
	}
	return response
}

// notRequired is the header of that name where it may be missing.
func notRequired(name string) object {
	var header object
	for _, m := range headers.get(name).(object) {
		if m.name != "required" {
			header = append(header, m)
		}
	}
	return header
}

// failures says of each error when it comes. 404 and 405 are also the answers
// for paths and methods that are no route, where there is no operation to name them.
var failures = []struct {
	status  int
	when    string
	headers string // with a ? those that may be missing
}{
	{http.StatusBadRequest, "The body is not one JSON object, or has an unknown, repeated or mistyped member. Or a header can not be used.", ""},
	{http.StatusUnauthorized, "The service has keys, and none of them was sent.", "WWW-Authenticate"},
	{http.StatusNotFound, "There is no such thing, or the path is no route.", ""},
	{http.StatusMethodNotAllowed, "The path does not have this method: Allow names those it has.", "Allow"},
	{http.StatusRequestTimeout, "The body did not arrive in time.", ""},
	{http.StatusConflict, "What is stored does not allow the change: the status has moved on, or a key is taken. With Retry-After: a request with the same Idempotency-Key still runs.", "Retry-After?"},
	{http.StatusPreconditionFailed, "If-Match does not hold: the resource has changed since.", ""},
	{http.StatusRequestEntityTooLarge, "The body is larger than the service allows.", ""},
	{http.StatusUnsupportedMediaType, "The body does not say that it is JSON in UTF-8.", ""},
	{http.StatusUnprocessableEntity, "A rule for a member or a parameter is broken, or the Idempotency-Key was used for another request: errors names each.", ""},
	{http.StatusInternalServerError, "Something went wrong on the service's side.", ""},
	{http.StatusServiceUnavailable, "The service is busy, or its database is away. Try again after Retry-After seconds.", "Retry-After"},
	{http.StatusGatewayTimeout, "The request took longer than the service allows.", ""},
}

// problems are the responses that operations refer to.
func problems(types *schemas) object {
	var list object
	for _, f := range failures {
		response := reply{status: f.status, headers: f.headers}.describe(types)
		response.set("description", f.when)
		sample := problem{Type: "about:blank", Title: title(f.status), Status: f.status, Detail: f.when, RequestID: "4TXKVKHGGMFJXQOYJQLGAXPMD2"}
		if f.status == http.StatusUnprocessableEntity {
			sample.Errors = []fieldError{{"title", "is required"}}
		}
		media := object{{"schema", types.of(reflect.TypeFor[problem]())}, {"example", sample}}
		response.set("content", object{{"application/problem+json", media}})
		list.set(problemName(f.status), response)
	}
	return list
}

func problemName(status int) string { return strings.ReplaceAll(title(status), " ", "") }
