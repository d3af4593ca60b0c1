package query

import (
	"database/sql/driver"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5/pgtype"
)

// Array is a column of an array type: GORM takes a plain slice for a list of
// values, and can not read one. The field's tag names the type, which GORM can
// not tell: `gorm:"type:text[]"`. Nil is NULL.
type Array[T any] []T

// typeMaps keeps pgx's tables of types, which are dear to make and not for two goroutines at once.
var typeMaps = sync.Pool{New: func() any { return pgtype.NewMap() }}

// Value implements driver.Valuer. It is PostgreSQL's own writing, such as {a,b}.
func (a Array[T]) Value() (driver.Value, error) {
	if a == nil {
		return nil, nil
	}
	types := typeMaps.Get().(*pgtype.Map)
	defer typeMaps.Put(types)
	array, ok := types.TypeForValue([]T(a))
	if !ok {
		return nil, fmt.Errorf("%T is no array that PostgreSQL knows", a)
	}
	text, err := types.Encode(array.OID, pgtype.TextFormatCode, []T(a), nil)
	return string(text), err
}

// Scan implements sql.Scanner.
func (a *Array[T]) Scan(value any) error {
	types := typeMaps.Get().(*pgtype.Map)
	defer typeMaps.Put(types)
	return types.SQLScanner((*[]T)(a)).Scan(value)
}
