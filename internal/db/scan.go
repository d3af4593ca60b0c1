package db

import (
	"io"
	"reflect"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
)

// scanner reads the rows of GORM's queries into models, as GORM itself would,
// without its detour: GORM has database/sql convert each value into a variable of
// its own, and then copies that. Here a value whose type is the field's goes
// straight into it. All else is left to GORM: destinations that are no models,
// columns without a plain field, and from the first value on that has to be
// converted, the rest of the rows.
type scanner struct{ models sync.Map } // *schema.Schema → *model

// model is what is known of a type of rows, once for the process.
type model struct {
	list   columnList
	fields map[string]*field // those that have a setter, by the columns' names
}

// query takes the place of GORM's callback of this name.
func (c *scanner) query(tx *gorm.DB) {
	_, direct := tx.Statement.ConnPool.(*sessionConn)
	if !direct || tx.Error != nil || !intoModels(tx.Statement) {
		callbacks.Query(tx)
		return
	}
	c.model(tx.Statement).build(tx)
	if !tx.DryRun {
		c.run(tx)
	}
}

// run sends the statement that was written, and reads its rows.
func (c *scanner) run(tx *gorm.DB) {
	if tx.Error != nil {
		return
	}
	stmt := tx.Statement
	rows, err := stmt.ConnPool.(*sessionConn).s.query(stmt.Context, stmt.SQL.String(), stmt.Vars)
	if err != nil {
		_ = tx.AddError(err)
		return
	}
	defer func() { _ = tx.AddError(rows.Close()) }()
	c.model(stmt).scan(tx, rows)
	if stmt.Result != nil {
		stmt.Result.RowsAffected = tx.RowsAffected
	}
}

// intoModels reports a destination that is a model, or a slice of them or of
// pointers to them.
func intoModels(stmt *gorm.Statement) bool {
	if stmt.Schema == nil || len(stmt.ColumnMapping) > 0 || !stmt.ReflectValue.CanSet() {
		return false
	}
	typ := stmt.ReflectValue.Type()
	if typ.Kind() == reflect.Slice {
		if typ = typ.Elem(); typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
	}
	return typ == stmt.Schema.ModelType
}

// scan reads the rows into tx's destination.
func (m *model) scan(tx *gorm.DB, rows *openRows) {
	fields := whileOpen(rows, m.fieldsOf)
	if fields == nil {
		leave(tx, rows)
		return
	}
	tx.RowsAffected = 0
	into, fits, err := tx.Statement.ReflectValue, true, error(nil)
	many := into.Kind() == reflect.Slice
	if many {
		empty(into)
	}
	read := func(columns []pgconn.FieldDescription, raw [][]byte) {
		row := into
		if many {
			row = grow(into)
		}
		fits = fill(row, fields, rows.rows.TypeMap(), columns, raw)
		rows.again = !fits
	}
	for more := true; more; more = many && fits && err == nil {
		if err = rows.next(read); err == nil && fits {
			tx.RowsAffected++
		}
	}
	switch {
	case !fits:
		leaveRest(tx, rows, many)
	case err != nil:
		ended(tx, rows, err)
	}
}

// ended closes rows that were read to the end.
func ended(tx *gorm.DB, rows *openRows, err error) {
	if failed := rows.Close(); err == io.EOF {
		err = failed
	}
	if err != nil {
		_ = tx.AddError(err)
	}
	if tx.RowsAffected == 0 && tx.Statement.RaiseErrorOnNotFound && tx.Error == nil {
		_ = tx.AddError(gorm.ErrRecordNotFound)
	}
}

// empty keeps the room that the slice has, as GORM does.
func empty(into reflect.Value) {
	if into.Cap() == 0 {
		into.Set(reflect.MakeSlice(into.Type(), 0, 20))
	}
	into.SetLen(0)
}

// grow adds an empty row to the slice.
func grow(into reflect.Value) reflect.Value {
	n := into.Len()
	into.Grow(1)
	into.SetLen(n + 1)
	row := into.Index(n)
	if row.Kind() == reflect.Pointer {
		row.Set(reflect.New(row.Type().Elem()))
		return row.Elem()
	}
	row.SetZero()
	return row
}

// leave has GORM read the rows.
func leave(tx *gorm.DB, rows *openRows) {
	bridged, err := rows.s.db.bridge.rows(rows, nil)
	if err != nil {
		_ = tx.AddError(err)
		return
	}
	gorm.Scan(bridged, tx, 0)
	_ = tx.AddError(bridged.Close())
}

// leaveRest has GORM read the row that did not fit, and those after it.
func leaveRest(tx *gorm.DB, rows *openRows, many bool) {
	if !many {
		leave(tx, rows)
		return
	}
	into, n := tx.Statement.ReflectValue, int(tx.RowsAffected)
	head := into.Slice(0, n)
	into.SetZero()
	leave(tx, rows)
	into.Set(reflect.AppendSlice(head, into))
	tx.RowsAffected += int64(n)
}

// field is where a column's values go.
type field struct {
	index []int
	setter
}

// fieldsOf returns those of the columns, or nil if one has none, or not for itself.
func (m *model) fieldsOf(columns []pgconn.FieldDescription) []*field {
	fields := make([]*field, len(columns))
	for i := range columns {
		f, ok := m.fields[columns[i].Name]
		if !ok || !f.takes(&columns[i]) || slices.Contains(fields[:i], f) {
			return nil
		}
		fields[i] = f
	}
	return fields
}

// model returns what is known of the statement's model.
func (c *scanner) model(stmt *gorm.Statement) *model {
	known, ok := c.models.Load(stmt.Schema)
	if !ok {
		known, _ = c.models.LoadOrStore(stmt.Schema, newModel(stmt))
	}
	return known.(*model)
}

func newModel(stmt *gorm.Statement) *model {
	m := &model{list: listOf(stmt, stmt.Schema), fields: map[string]*field{}}
	for _, name := range stmt.Schema.DBNames {
		f := stmt.Schema.LookUpField(name)
		index := f.StructField.Index
		through := slices.ContainsFunc(index, func(i int) bool { return i < 0 }) // a pointer, as GORM writes it
		to := setterOf(f.FieldType)
		if f.Readable && f.Serializer == nil && !through && to.set != nil {
			m.fields[name] = &field{index, to}
		}
	}
	return m
}

// fill sets the fields, and reports whether all values were theirs. GORM leaves
// some fields as they are where the value is NULL, and empties others: in an empty
// one that is the same.
func fill(row reflect.Value, fields []*field, types *pgtype.Map, columns []pgconn.FieldDescription, raw [][]byte) bool {
	for i, f := range fields {
		into := row.FieldByIndex(f.index)
		if raw[i] == nil && !into.IsZero() || raw[i] != nil && !f.set(into, cell{types, &columns[i], raw[i]}) {
			return false
		}
	}
	return true
}
