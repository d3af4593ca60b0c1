package handlers

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-playground/validator/v10"
	"golang.org/x/text/language"
)

// rules checks the `validate` tags of request types.
var rules = newRules()

// messages says for each rule what is allowed; %s is the tag's parameter.
var messages = map[string]string{
	"required": "is required",
	"empty":    "must not be empty",
	"min":      "must be at least %s",
	"max":      "must be at most %s",
	"maxbytes": "must be at most %s bytes long",
	"notblank": "must not be only white space",
	"nonul":    "must not contain the character U+0000",
	"audiourl": "must be an absolute URL with the scheme http, https, s3 or gs",
	"language": "must be a BCP 47 language tag, such as en or pt-BR",
	"oneof":    "must be one of: %s",
}

func newRules() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(fieldName)
	v.RegisterCustomTypeFunc(func(field reflect.Value) any {
		switch n := field.Interface().(type) {
		case nullable[string]:
			return n.value
		case nullable[float64]:
			return n.value
		}
		return nil
	}, nullable[string]{}, nullable[float64]{})
	own := map[string]func(text, param string) bool{
		"notblank": func(text, _ string) bool {
			return strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsSpace(r) })
		},
		"nonul":    func(text, _ string) bool { return !strings.Contains(text, "\x00") },
		"audiourl": func(text, _ string) bool { return isAudioURL(text) },
		"language": func(text, _ string) bool { return isLanguage(text) },
		"maxbytes": func(text, limit string) bool { n, err := strconv.Atoi(limit); return err == nil && len(text) <= n },
	}
	for name, rule := range own {
		err := v.RegisterValidation(name, func(fl validator.FieldLevel) bool { return rule(fl.Field().String(), fl.Param()) })
		if err != nil {
			panic(err) // the names above are valid
		}
	}
	return v
}

// isAudioURL accepts what a worker can fetch: a scheme it knows and a host.
func isAudioURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || strings.ContainsFunc(text, unicode.IsSpace) || !utf8.ValidString(text) {
		return false
	}
	return slices.Contains([]string{"http", "https", "s3", "gs"}, u.Scheme)
}

// isLanguage accepts tags of the registry, which BCP 47 writes with hyphens.
func isLanguage(text string) bool {
	_, err := language.Parse(text)
	return err == nil && text != "" && !strings.Contains(text, "_")
}

// check returns the broken rules of a request, one for each field.
func check(in any) []fieldError {
	err := rules.Struct(in)
	faults, _ := errors.AsType[validator.ValidationErrors](err)
	fields := make([]fieldError, len(faults))
	for i, fault := range faults {
		fields[i] = fieldError{fault.Field(), message(fault)}
	}
	return fields
}

func message(fault validator.FieldError) string {
	if fault.Tag() == "min" && fault.Param() == "1" && fault.Kind() == reflect.String {
		return messages["empty"]
	}
	text := messages[fault.Tag()]
	if strings.Contains(text, "%s") {
		text = fmt.Sprintf(text, strings.ReplaceAll(fault.Param(), " ", ", "))
	}
	if fault.Kind() == reflect.String && (fault.Tag() == "min" || fault.Tag() == "max") {
		text += " characters long"
	}
	return text
}

// fieldName is the client's name for a field of a request type.
func fieldName(field reflect.StructField) string {
	tag := field.Tag.Get("json") + field.Tag.Get("query")
	name, _, _ := strings.Cut(tag, ",")
	return name
}

// fieldNames lists them, in the order of the type.
func fieldNames(t reflect.Type) []string {
	var names []string
	for _, field := range reflect.VisibleFields(t) {
		names = append(names, fieldName(field))
	}
	return names
}
