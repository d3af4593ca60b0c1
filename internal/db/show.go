package db

import (
	"database/sql/driver"
	"fmt"
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
		return shownValue(value.Elem().Interface())
	}
	return shownPlain(arg)
}

// shownPlain shows a value that is neither a pointer nor asked for another.
func shownPlain(arg any) any {
	switch arg := arg.(type) {
	case nil:
		return nil
	case []byte:
		if utf8.Valid(arg) {
			return string(arg)
		}
		return fmt.Sprintf(`\x%x`, arg)
	case time.Time:
		return arg.Format(time.RFC3339Nano)
	}
	switch value := reflect.ValueOf(arg); value.Kind() {
	case reflect.Slice, reflect.Array:
		list := make([]any, value.Len())
		for i := range list {
			list[i] = shownValue(value.Index(i).Interface())
		}
		return list
	case reflect.Struct, reflect.Map:
		return fmt.Sprintf("%+v", arg)
	case reflect.String:
		return value.String()
	default:
		return arg
	}
}
