package db

import (
	"database/sql/driver"
	"encoding/binary"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// What database/sql gets to see of results is what pgx's own driver would show
// it. That one wraps each connection anew for each session, and has no way past
// the values that it makes.

// binaryTypes are the types that are asked for in PostgreSQL's binary format. All
// others come as text.
var binaryTypes = pgx.QueryResultFormatsByOID{
	pgtype.BoolOID: 1, pgtype.ByteaOID: 1, pgtype.CIDOID: 1, pgtype.DateOID: 1, pgtype.Float4OID: 1, pgtype.Float8OID: 1,
	pgtype.Int2OID: 1, pgtype.Int4OID: 1, pgtype.Int8OID: 1, pgtype.OIDOID: 1, pgtype.TimestampOID: 1,
	pgtype.TimestamptzOID: 1, pgtype.XIDOID: 1,
}

// driverValue is a column's value as database/sql has it.
func driverValue(types *pgtype.Map, column *pgconn.FieldDescription, raw []byte) (driver.Value, error) {
	if raw == nil {
		return nil, nil
	}
	if value, ok := plainValue(column, raw); ok {
		return value, nil
	}
	known, ok := types.TypeForOID(column.DataTypeOID)
	if !ok || isText(column) {
		return string(raw), nil
	}
	return known.Codec.DecodeDatabaseSQLValue(types, column.DataTypeOID, column.Format, raw)
}

// plainValue is the value of the types that nearly all columns have.
func plainValue(column *pgconn.FieldDescription, raw []byte) (value driver.Value, ok bool) {
	switch oid := column.DataTypeOID; {
	case column.Format == pgx.TextFormatCode:
		if ok = oid == pgtype.TextOID || oid == pgtype.VarcharOID; ok {
			value = string(raw)
		}
	case oid == pgtype.Int8OID || oid == pgtype.Int4OID || oid == pgtype.Int2OID:
		value, ok = integer(raw)
	case oid == pgtype.TimestamptzOID:
		value, ok = instant(raw)
	}
	return value, ok
}

// integer reads a number in the binary format.
func integer(raw []byte) (number int64, ok bool) {
	switch len(raw) {
	case 8:
		return int64(binary.BigEndian.Uint64(raw)), true
	case 4:
		return int64(int32(binary.BigEndian.Uint32(raw))), true
	case 2:
		return int64(int16(binary.BigEndian.Uint16(raw))), true
	default:
		return 0, false
	}
}

// epoch is what PostgreSQL counts microseconds from, in Unix seconds.
const epoch = 946684800

// instant reads a timestamptz in the binary format. The least and the greatest
// number are infinite, and no time.
func instant(raw []byte) (at time.Time, ok bool) {
	micros, ok := integer(raw)
	if !ok || micros == math.MinInt64 || micros == math.MaxInt64 {
		return at, false
	}
	return time.Unix(epoch+micros/1e6, micros%1e6*1000), true
}

// isText reports a column whose values are texts, as they were sent. Documents come
// as bytes. A column whose type was changed may come in the format of its old one.
func isText(column *pgconn.FieldDescription) bool {
	switch column.DataTypeOID {
	case pgtype.JSONOID, pgtype.JSONBOID, pgtype.XMLOID:
		return false
	default:
		_, typed := binaryTypes[column.DataTypeOID]
		return !typed && column.Format == pgx.TextFormatCode
	}
}

func columnNames(columns []pgconn.FieldDescription) []string {
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = columns[i].Name
	}
	return names
}

// whileOpen asks pgx; of closed rows it answers the zero value.
func whileOpen[T any](r *openRows, ask func(columns []pgconn.FieldDescription) T) (answer T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return answer
	}
	return ask(r.rows.FieldDescriptions())
}

// ColumnTypeDatabaseTypeName implements driver.RowsColumnTypeDatabaseTypeName.
func (r *openRows) ColumnTypeDatabaseTypeName(i int) string {
	return whileOpen(r, func(columns []pgconn.FieldDescription) string {
		oid := columns[i].DataTypeOID
		if known, ok := r.rows.TypeMap().TypeForOID(oid); ok {
			return strings.ToUpper(known.Name)
		}
		return strconv.FormatUint(uint64(oid), 10)
	})
}

// scanTypes are the Go types of columns that are no text.
var scanTypes = map[uint32]reflect.Type{
	pgtype.Float8OID: reflect.TypeFor[float64](), pgtype.Float4OID: reflect.TypeFor[float32](), pgtype.NumericOID: reflect.TypeFor[float64](),
	pgtype.Int8OID: reflect.TypeFor[int64](), pgtype.Int4OID: reflect.TypeFor[int32](), pgtype.Int2OID: reflect.TypeFor[int16](),
	pgtype.BoolOID: reflect.TypeFor[bool](), pgtype.ByteaOID: reflect.TypeFor[[]byte](),
	pgtype.DateOID: timeType, pgtype.TimestampOID: timeType, pgtype.TimestamptzOID: timeType,
}

var timeType = reflect.TypeFor[time.Time]()

// ColumnTypeScanType implements driver.RowsColumnTypeScanType. GORM makes the
// variables for rows that it reads into maps from it.
func (r *openRows) ColumnTypeScanType(i int) reflect.Type {
	kind := whileOpen(r, func(columns []pgconn.FieldDescription) reflect.Type {
		if kind, ok := scanTypes[columns[i].DataTypeOID]; ok {
			return kind
		}
		return reflect.TypeFor[string]()
	})
	if kind == nil {
		return reflect.TypeFor[any]()
	}
	return kind
}

// header is what PostgreSQL adds to the lengths that it tells.
const header = 4

// ColumnTypeLength implements driver.RowsColumnTypeLength.
func (r *openRows) ColumnTypeLength(i int) (length int64, ok bool) {
	c := whileOpen(r, func(columns []pgconn.FieldDescription) pgconn.FieldDescription { return columns[i] })
	switch c.DataTypeOID {
	case pgtype.TextOID, pgtype.ByteaOID:
		return math.MaxInt64, true
	case pgtype.VarcharOID, pgtype.BPCharOID:
		return int64(c.TypeModifier - header), true
	case pgtype.VarbitOID:
		return int64(c.TypeModifier), true
	default:
		return 0, false
	}
}

// ColumnTypePrecisionScale implements driver.RowsColumnTypePrecisionScale.
func (r *openRows) ColumnTypePrecisionScale(i int) (precision, scale int64, ok bool) {
	c := whileOpen(r, func(columns []pgconn.FieldDescription) pgconn.FieldDescription { return columns[i] })
	if c.DataTypeOID != pgtype.NumericOID {
		return 0, 0, false
	}
	modifier := c.TypeModifier - header
	return int64(modifier>>16) & 0xffff, int64(modifier) & 0xffff, true
}
