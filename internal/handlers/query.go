package handlers

import (
	"net/http"
	"net/url"
	"reflect"
	"strconv"

	"github.com/gin-gonic/gin"
)

// bindQuery reads the query parameters of T's fields. Unknown ones are ignored.
func bindQuery[T any](c *gin.Context) (T, error) {
	var in T
	const detail = "A query parameter is not allowed."
	query, err := url.ParseQuery(c.Request.URL.RawQuery)
	if err != nil {
		return in, broken(detail, []fieldError{{"query", "is not percent-encoded correctly"}})
	}
	var faults []fieldError
	value := reflect.ValueOf(&in).Elem()
	for i, field := range reflect.VisibleFields(value.Type()) {
		given := query[fieldName(field)]
		if len(given) == 0 {
			given = []string{field.Tag.Get("default")}
		} else if len(given) > 1 || given[0] == "" {
			faults = append(faults, fieldError{fieldName(field), "must be given once, with a value"})
			continue
		}
		if err := setField(value.Field(i), given[0]); err != nil {
			faults = append(faults, fieldError{fieldName(field), "must be a whole number"})
		}
	}
	if len(faults) > 0 {
		return in, broken(detail, faults)
	}
	return in, broken(detail, check(in))
}

func setField(field reflect.Value, text string) error {
	if field.Kind() == reflect.String {
		field.SetString(text)
		return nil
	}
	number, err := strconv.Atoi(text)
	field.SetInt(int64(number))
	return err
}

// bindID reads the id in the path. One that no row can have is not found.
func bindID(c *gin.Context) (int64, error) {
	text := c.Param("id")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 || strconv.FormatInt(id, 10) != text {
		return 0, &httpError{status: http.StatusNotFound, detail: noSuchThing}
	}
	return id, nil
}
