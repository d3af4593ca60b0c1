package web

import (
	"encoding"
	"encoding/base64"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parse sets v and applies the rules. It returns what is wrong, or "".
func (s *Schema) parse(text string, v reflect.Value) string {
	if message := s.set(text, v); message != "" {
		return message
	}
	return s.broken(v)
}

// set sets v to the value that the text stands for.
func (s *Schema) set(text string, v reflect.Value) string {
	var err error
	switch {
	case s.text:
		err = v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		if v.SetBool(text == "true"); text != "true" && text != "false" {
			err = strconv.ErrSyntax
		}
	case v.CanInt():
		var n int64
		n, err = strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
	case v.CanUint():
		var n uint64
		n, err = strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, v.Type().Bits())
		if _, signed := strconv.ParseInt(text, 10, 64); err != nil && (signed == nil || errors.Is(signed, strconv.ErrRange)) {
			err = strconv.ErrRange // below 0
		}
		v.SetUint(n)
	case v.CanFloat():
		var n float64
		n, err = strconv.ParseFloat(text, v.Type().Bits())
		if strings.Trim(text, "+-.0123456789eE") != "" {
			err = strconv.ErrSyntax // Inf, NaN, 0x1p4, 1_000
		}
		v.SetFloat(n)
	default:
		var bytes []byte
		bytes, err = base64.StdEncoding.DecodeString(text)
		v.SetBytes(bytes)
	}
	switch {
	case err == nil:
		return ""
	case s.text:
		return "must be " + s.noun + timeFault(err)
	case errors.Is(err, strconv.ErrRange):
		return s.outOfRange(strings.HasPrefix(text, "-"))
	default:
		return s.noNumber(text)
	}
}

// broken returns what is wrong with a value by the rules, or "".
func (s *Schema) broken(v reflect.Value) string {
	for _, rule := range s.rules {
		if fault := rule(v); fault != "" {
			return fault
		}
	}
	switch {
	case v.Kind() != reflect.String || s.text:
		return ""
	case strings.Contains(v.String(), "\x00"): // PostgreSQL can not store it
		return "must not contain the character U+0000"
	case !utf8.ValidString(v.String()):
		return "must be UTF-8"
	}
	return ""
}
