package handlers

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// bindJSON reads the body, one JSON object of T's members, strictly: unknown,
// repeated and mistyped members are a 400, broken rules a 422 that names them all.
func bindJSON[T any](c *gin.Context) (T, error) {
	var in T
	body, err := readJSON(c)
	if err != nil {
		return in, err
	}
	var members map[string]jsontext.Value
	if err := json.Unmarshal(body, &members); err != nil {
		return in, badJSON(err, reflect.TypeFor[T]())
	}
	if members == nil { // the document null
		return in, badRequest("The body must be a JSON object.", nil)
	}
	if err := json.Unmarshal(body, &in, json.RejectUnknownMembers(true)); err != nil {
		return in, badJSON(err, reflect.TypeFor[T]())
	}
	return in, broken("The body breaks a rule.", brokenRules(in, members))
}

// readJSON returns a body that says it is JSON and is not too large.
func readJSON(c *gin.Context) ([]byte, error) {
	media, params, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	isJSON := media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
	charset := strings.ToLower(params["charset"])
	if err != nil || !isJSON || charset != "" && charset != "utf-8" {
		return nil, &httpError{status: http.StatusUnsupportedMediaType, detail: "Send JSON: Content-Type: application/json, in UTF-8."}
	}
	if encoding := c.GetHeader("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, &httpError{status: http.StatusUnsupportedMediaType, detail: "Send the body without Content-Encoding."}
	}
	body, err := readBody(c)
	if err != nil {
		return nil, badBody(err)
	}
	if len(body) == 0 {
		return nil, badRequest("The body is empty: send a JSON object.", nil)
	}
	return body, nil
}

// readBody reads until the request's deadline, which alone does not end a read.
// After a failure the deadline stays: net/http would else wait for the rest.
func readBody(c *gin.Context) ([]byte, error) {
	conn := http.NewResponseController(c.Writer)
	if deadline, ok := c.Request.Context().Deadline(); ok {
		_ = conn.SetReadDeadline(deadline) // a recorder in a test has none
	}
	body, err := io.ReadAll(c.Request.Body)
	if err == nil {
		_ = conn.SetReadDeadline(time.Time{})
	}
	return body, err
}

// badBody is for a body that could not be read to its end. net/http closes the
// connection after it, as what is left of the body may never come.
func badBody(err error) error {
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge(large.Limit)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return &httpError{status: http.StatusRequestTimeout, detail: "The body did not arrive in time.", cause: err}
	}
	return badRequest("The body ended early.", err)
}

func tooLarge(limit int64) error {
	return &httpError{status: http.StatusRequestEntityTooLarge, detail: fmt.Sprintf("The body may have at most %d bytes.", limit)}
}

func badRequest(detail string, cause error, fields ...fieldError) error {
	return &httpError{status: http.StatusBadRequest, detail: detail, fields: fields, cause: cause}
}

// broken is the 422 for broken rules, or nil if there are none.
func broken(detail string, fields []fieldError) error {
	if len(fields) == 0 {
		return nil
	}
	return &httpError{status: http.StatusUnprocessableEntity, detail: detail, fields: fields}
}

// badJSON says what is wrong with a document, and where.
func badJSON(err error, expected reflect.Type) error {
	if errors.Is(err, json.ErrUnknownName) {
		semantic, _ := errors.AsType[*json.SemanticError](err)
		name := semantic.JSONPointer.LastToken()
		known := "unknown: allowed are " + strings.Join(fieldNames(expected), ", ")
		return badRequest("The body has an unknown member.", err, fieldError{name, known})
	}
	if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
		return badType(semantic)
	}
	if syntactic, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return badRequest("The body has a member twice.", err, fieldError{syntactic.JSONPointer.LastToken(), "given twice"})
		}
		return badRequest(fmt.Sprintf("The body is not valid JSON, at byte %d.", syntactic.ByteOffset), err)
	}
	return badRequest("The body is not valid JSON: it ends early.", err)
}

// badType is for a value of the wrong JSON type. A number that no float64 can
// hold has the right type and breaks a rule.
func badType(err *json.SemanticError) error {
	name := err.JSONPointer.LastToken()
	if name == "" {
		return badRequest("The body must be a JSON object.", err)
	}
	if err.JSONKind == '0' && errors.Is(err, strconv.ErrRange) {
		return broken("The body breaks a rule.", []fieldError{{name, "is too large a number"}})
	}
	return badRequest("A member has the wrong type.", err, fieldError{name, "must be a " + jsonType(err.GoType)})
}

// jsonType names the JSON type that a Go type is read from.
func jsonType(t reflect.Type) string {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t != nil && t.Kind() == reflect.String:
		return "string"
	case t != nil && (t.Kind() == reflect.Int || t.Kind() == reflect.Int64):
		return "whole number"
	default:
		return "number"
	}
}

// brokenRules finds the members that are null though their field can not be,
// and those that check finds; a member has one fault at most.
func brokenRules[T any](in T, members map[string]jsontext.Value) []fieldError {
	var faults []fieldError
	for _, field := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		name := fieldName(field)
		_, clearable := reflect.New(field.Type).Interface().(interface{ nullable() })
		if value, given := members[name]; given && value.Kind() == 'n' && !clearable {
			faults = append(faults, fieldError{name, "must not be null"})
		}
	}
	for _, fault := range check(in) {
		value, given := members[fault.Field]
		switch {
		case value.Kind() == 'n':
			continue
		case given && value.Kind() == '"' && fault.Message == messages["required"]: // the rule can not tell "" from nothing
			fault.Message = messages["empty"]
		}
		faults = append(faults, fault)
	}
	return faults
}

// nullable is a member that can be absent, null or a value.
type nullable[T any] struct {
	given bool
	value *T
}

func (*nullable[T]) nullable() {}

// UnmarshalJSONFrom is called for members that are there, null included.
func (n *nullable[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	n.given = true
	return json.UnmarshalDecode(dec, &n.value)
}

// change is nil if the member was absent, and points to nil if it was null.
func (n nullable[T]) change() **T {
	if !n.given {
		return nil
	}
	return &n.value
}
