package web

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// expectation is what a route's handler may bind.
type expectation struct{ body, query *Schema }

type expectationKey struct{}

// Expect tells the handler of a route what it may bind, so that it is what the
// document says. Either may be nil.
func Expect(body, query *Schema) gin.HandlerFunc {
	e := &expectation{body, query}
	return func(c *gin.Context) { c.Set(expectationKey{}, e) }
}

// expected returns the schema of what the handler wants to bind.
func expected[T any](c *gin.Context, of func(*expectation) *Schema) (*Schema, error) {
	value, _ := c.Get(expectationKey{})
	if e, ok := value.(*expectation); ok && of(e) != nil && of(e).typ == reflect.TypeFor[T]() {
		return of(e), nil
	}
	return nil, fmt.Errorf("bind %v: the route %s does not say that it reads this type", reflect.TypeFor[T](), c.FullPath())
}

// BindJSON reads the body, one JSON object of T's members, strictly: unknown,
// repeated and mistyped members are a 400, broken rules a 422. All are named.
func BindJSON[T any](c *gin.Context) (T, error) {
	var in T
	s, err := expected[T](c, func(e *expectation) *Schema { return e.body })
	if err != nil {
		return in, err
	}
	body, err := readBody(c)
	if err != nil {
		return in, err
	}
	return in, s.bind(body, reflect.ValueOf(&in).Elem())
}

// bind reads a body.
func (s *Schema) bind(body []byte, into reflect.Value) error {
	r := reader{dec: newDecoder(body)}
	kind := r.dec.PeekKind()
	if err := checkJSON(body); err != nil && kind != '[' {
		return badJSON(err)
	}
	if kind != '{' {
		return badRequest("The body must be a JSON object.", nil)
	}
	s.read(&r, into)
	return answer(r.faults)
}

// answer is a 400 if any value is malformed, and names just those; else a 422.
func answer(faults []fault) error {
	if len(faults) == 0 {
		return nil
	}
	var malformed, broken []FieldError
	for _, f := range faults {
		if f.malformed {
			malformed = append(malformed, f.FieldError)
		} else {
			broken = append(broken, f.FieldError)
		}
	}
	switch {
	case malformed == nil:
		return Broken("The body breaks a rule.", broken...)
	case strings.HasPrefix(malformed[0].Message, "unknown"):
		return badRequest("The body has an unknown member.", nil, malformed...)
	default:
		return badRequest("A member has the wrong type.", nil, malformed...)
	}
}

// badJSON says what is wrong with a document, and where.
func badJSON(err error) error {
	syntax, ok := errors.AsType[*syntaxError](err)
	switch {
	case errors.Is(err, errRepeatedName):
		return badRequest("The body has a member twice.", err, FieldError{short(syntax.JSONPointer.LastToken()), "given twice"})
	case ok:
		return badRequest(fmt.Sprintf("The body is not valid JSON, at byte %d.", syntax.ByteOffset), err)
	default:
		return badRequest("The body is not valid JSON: it ends early.", err)
	}
}

func badRequest(detail string, cause error, fields ...FieldError) error {
	return &Problem{Status: http.StatusBadRequest, Detail: detail, Errors: fields, Cause: cause}
}

// Broken is the 422 for broken rules.
func Broken(detail string, fields ...FieldError) error {
	return &Problem{Status: http.StatusUnprocessableEntity, Detail: detail, Errors: fields}
}

// BindID reads the id in the path. One that no row can have is not found.
func BindID(c *gin.Context) (int64, error) {
	text := c.Param("id")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 || strconv.FormatInt(id, 10) != text {
		return 0, &Problem{Status: http.StatusNotFound, Detail: NoSuchThing}
	}
	return id, nil
}

// NoSuchThing is also for ids that no row can have.
const NoSuchThing = "There is nothing with this id."

// BindQuery reads the query parameters of T's fields. Unknown ones are ignored,
// unless they look like a known one misspelt.
func BindQuery[T any](c *gin.Context) (T, error) {
	var in T
	s, err := expected[T](c, func(e *expectation) *Schema { return e.query })
	if err != nil {
		return in, err
	}
	return in, s.readQuery(c.Request.URL.RawQuery, reflect.ValueOf(&in).Elem())
}
