package db

import (
	"database/sql/driver"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
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
	if value := reflect.ValueOf(arg); value.Kind() == reflect.Pointer && value.IsNil() {
		return nil
	}
	if valuer, ok := arg.(driver.Valuer); ok {
		inner, err := valuer.Value()
		if err != nil {
			return fmt.Sprintf("no value: %v", err)
		}
		return shownPlain(inner)
	}
	return shownPlain(arg)
}

// shownPlain shows a value that is no driver.Valuer. Some have a text of their
// own: a time, a big number, an address.
func shownPlain(arg any) any {
	if marshaler, ok := arg.(encoding.TextMarshaler); ok {
		if text, err := marshaler.MarshalText(); err == nil {
			return string(text)
		}
	}
	switch value := reflect.ValueOf(arg); value.Kind() {
	case reflect.Invalid:
		return nil
	case reflect.Pointer:
		return shownValue(value.Elem().Interface())
	case reflect.Slice, reflect.Array:
		return shownList(value)
	case reflect.Struct, reflect.Map: // as pgx sends them to a json column
		text, err := json.Marshal(arg)
		if err != nil {
			return fmt.Sprintf("%+v", arg)
		}
		return string(text)
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
	if value.Kind() == reflect.Slice && value.IsNil() {
		return nil
	}
	if value.Type().Elem().Kind() != reflect.Uint8 {
		list := make([]any, value.Len())
		for i := range list {
			list[i] = shownValue(value.Index(i).Interface())
		}
		return list
	}
	data := make([]byte, value.Len())
	reflect.Copy(reflect.ValueOf(data), value)
	switch {
	case value.Kind() == reflect.Array && len(data) == 16:
		return fmt.Sprintf("%x-%x-%x-%x-%x", data[:4], data[4:6], data[6:8], data[8:10], data[10:])
	case value.Kind() == reflect.Slice && utf8.Valid(data):
		return string(data)
	}
	return fmt.Sprintf(`\x%x`, data)
}
