package db

import (
	"database/sql"
	"encoding/binary"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// setter puts values of some PostgreSQL types into fields of a type.
type setter struct {
	takes func(column *pgconn.FieldDescription) bool
	set   func(into reflect.Value, v cell) bool // false: GORM has to convert it, or to say why not
}

// cell is a value that is not NULL, as PostgreSQL has sent it.
type cell struct {
	types  *pgtype.Map
	column *pgconn.FieldDescription
	raw    []byte
}

var scannerType = reflect.TypeFor[sql.Scanner]()

// setterOf returns one without set for a type that is GORM's to fill.
func setterOf(typ reflect.Type) setter {
	switch kind := typ.Kind(); {
	case typ == timeType:
		return setter{only(pgtype.TimestamptzOID), setTime}
	case reflect.PointerTo(typ).Implements(scannerType):
		return setter{func(*pgconn.FieldDescription) bool { return true }, setScanner}
	case kind == reflect.String:
		return setter{isText, setString}
	case kind == reflect.Int64, kind == reflect.Int32, kind == reflect.Int16, kind == reflect.Int:
		return setter{only(pgtype.Int8OID, pgtype.Int4OID, pgtype.Int2OID), setInt}
	case kind == reflect.Float64:
		return setter{only(pgtype.Float8OID), setFloat}
	case kind == reflect.Bool:
		return setter{only(pgtype.BoolOID), setBool}
	case kind == reflect.Pointer && typ.Elem().Kind() != reflect.Pointer:
		return pointerTo(typ.Elem())
	default:
		return setter{}
	}
}

// only takes values of these types, in the binary format.
func only(oids ...uint32) func(*pgconn.FieldDescription) bool {
	return func(column *pgconn.FieldDescription) bool {
		return column.Format == pgx.BinaryFormatCode && slices.Contains(oids, column.DataTypeOID)
	}
}

func pointerTo(typ reflect.Type) setter {
	to := setterOf(typ)
	if to.set == nil {
		return to
	}
	return setter{to.takes, func(into reflect.Value, v cell) bool {
		pointer := reflect.New(typ)
		ok := to.set(pointer.Elem(), v)
		if ok {
			into.Set(pointer)
		}
		return ok
	}}
}

func setString(into reflect.Value, v cell) bool {
	into.SetString(string(v.raw))
	return true
}

func setInt(into reflect.Value, v cell) bool {
	number, ok := integer(v.raw)
	if ok = ok && !into.OverflowInt(number); ok {
		into.SetInt(number)
	}
	return ok
}

func setFloat(into reflect.Value, v cell) bool {
	if len(v.raw) != 8 {
		return false
	}
	into.SetFloat(math.Float64frombits(binary.BigEndian.Uint64(v.raw)))
	return true
}

func setBool(into reflect.Value, v cell) bool {
	into.SetBool(len(v.raw) == 1 && v.raw[0] == 1)
	return len(v.raw) == 1
}

func setTime(into reflect.Value, v cell) bool {
	at, ok := instant(v.raw)
	if ok {
		*into.Addr().Interface().(*time.Time) = at
	}
	return ok
}

// setScanner has the type read the value. After an error GORM has it try again,
// and reports the error.
func setScanner(into reflect.Value, v cell) bool {
	value, err := driverValue(v.types, v.column, v.raw)
	fresh := reflect.New(into.Type())
	if err == nil {
		err = fresh.Interface().(sql.Scanner).Scan(value)
	}
	if err == nil {
		into.Set(fresh.Elem())
	}
	return err == nil
}
