package db

import (
	"database/sql/driver"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"time"
	"unicode/utf8"
)

// shown returns parameters as PostgreSQL gets to see them, for the log: what a
// pointer points to, the text of bytes.
func shown(args []any) []any {
	list := make([]any, len(args))
	for i, arg := range args {
		list[i] = shownValue(arg)
	}
	return list
}

// shownValue shows a value of any type. pgx asks a driver.Valuer before it
// looks at anything else.
func shownValue(arg any) any {
	value := reflect.ValueOf(arg)
	if !value.IsValid() || value.Kind() == reflect.Pointer && value.IsNil() {
		return nil
	}
	if valuer, ok := arg.(driver.Valuer); ok {
		inner, err := valuer.Value()
		if err != nil {
			return fmt.Sprintf("no value: %v", err)
		}
		return shownPlain(inner)
	}
	if value.Kind() == reflect.Pointer {
		if text, ok := shownText(arg); ok {
			return text
		}
		return shownValue(value.Elem().Interface())
	}
	return shownPlain(arg)
}

// shownText shows what has a text of its own: a big number, an address.
func shownText(arg any) (string, bool) {
	if at, ok := arg.(*time.Time); ok {
		return at.Format(time.RFC3339Nano), true
	}
	marshaler, ok := arg.(encoding.TextMarshaler)
	if !ok {
		return "", false
	}
	text, err := marshaler.MarshalText()
	return string(text), err == nil
}

// shownPlain shows a value that is neither a pointer nor a driver.Valuer.
func shownPlain(arg any) any {
	if at, ok := arg.(time.Time); ok {
		return at.Format(time.RFC3339Nano)
	}
	if text, ok := shownText(arg); ok {
		return text
	}
	switch value := reflect.ValueOf(arg); value.Kind() {
	case reflect.Invalid:
		return nil
	case reflect.Slice, reflect.Array:
		return shownList(value)
	case reflect.Struct, reflect.Map:
		return shownObject(arg)
	case reflect.String:
		return value.String()
	case reflect.Float32, reflect.Float64:
		if n := value.Float(); math.IsNaN(n) || math.IsInf(n, 0) { // JSON has no such numbers
			return fmt.Sprint(n)
		}
		return arg
	case reflect.Complex64, reflect.Complex128, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return fmt.Sprintf("%T", arg)
	default:
		return arg
	}
}

// shownList shows bytes as text, where they are one, or as PostgreSQL writes
// them; 16 of them in an array as the UUID that they most likely are.
func shownList(value reflect.Value) any {
	if value.Type().Elem().Kind() != reflect.Uint8 {
		if value.Kind() == reflect.Slice && value.IsNil() {
			return nil
		}
		list := make([]any, value.Len())
		for i := range list {
			list[i] = shownValue(value.Index(i).Interface())
		}
		return list
	}
	data := make([]byte, value.Len())
	reflect.Copy(reflect.ValueOf(data), value)
	switch {
	case value.Kind() == reflect.Slice && value.IsNil():
		return nil
	case value.Kind() == reflect.Array && len(data) == 16:
		return fmt.Sprintf("%x-%x-%x-%x-%x", data[:4], data[4:6], data[6:8], data[8:10], data[10:])
	case value.Kind() == reflect.Slice && utf8.Valid(data):
		return string(data)
	}
	return fmt.Sprintf(`\x%x`, data)
}

// shownObject shows a struct or a map as pgx sends it to a json column.
func shownObject(arg any) any {
	text, err := json.Marshal(arg)
	if err != nil {
		return fmt.Sprintf("%+v", arg)
	}
	return string(text)
}
