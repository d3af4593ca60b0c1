package query

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// The errors that the queries of every table share.
var (
	ErrNotFound = errors.New("no such row")
	ErrModified = errors.New("the row is no longer at the given version")
	ErrExcluded = errors.New("the row is at a version that is excluded")
	// ErrUnmet comes with the row as it is: it is there, and a condition of the
	// caller's own does not hold.
	ErrUnmet = errors.New("the row does not meet the condition")
)

// Conflict is for errors of models: what is stored does not allow the change.
// Its text is the client's answer, with a 409.
type Conflict struct{ Reason string }

func (e *Conflict) Error() string { return e.Reason }

// Create inserts the row and reads it back as it is stored: with what defaults and
// triggers have put in, and times in microseconds. A number or bool whose tag has
// a default is an error: GORM would put that in the place of 0 and false.
func Create[T any](ctx context.Context, db *gorm.DB, row *T) error {
	table, err := parse[T](db)
	if err == nil {
		err = replacedZero(table)
	}
	if err == nil {
		err = db.WithContext(ctx).Clauses(returning(table)).Create(row).Error
	}
	return within[T](db, err, "create")
}

// replacedZero names a field whose zero GORM would not store. The id and the
// version are the table's to set.
func replacedZero(table *schema.Schema) error {
	for _, field := range table.Fields {
		number := field.DataType == schema.Bool || field.DataType == schema.Int || field.DataType == schema.Uint || field.DataType == schema.Float
		zero := field.DefaultValue == "0" || field.DefaultValue == "false"
		if number && field.HasDefaultValue && !zero && field.FieldType.Kind() != reflect.Pointer && !field.PrimaryKey && field.DBName != "version" {
			return fmt.Errorf("field %s: with the default in its gorm tag, 0 or false is stored as %s: take it out of the tag, and give the request's field a default",
				field.Name, field.DefaultValue)
		}
	}
	return nil
}

// Find returns the row with the id, or ErrNotFound.
func Find[T any](ctx context.Context, db *gorm.DB, id int64) (row T, err error) {
	row, err = find[T](db.WithContext(ctx), id)
	return row, within[T](db, err, "find", id)
}

func find[T any](db *gorm.DB, id int64) (row T, err error) {
	err = db.Take(&row, "id = ?", id).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		err = ErrNotFound
	}
	return row, err
}

// Changes are what an update sets, by column.
type Changes map[string]any

// Set adds a column unless value is nil, which leaves it as it is. A column that
// may be NULL has a pointer to a pointer: the inner nil clears it.
func Set[T any](changes Changes, column string, value *T) {
	if value != nil {
		changes[column] = *value
	}
}

// Update makes the changes and returns the row as it then is; without changes
// it only looks. db may hold conditions (Where) beside the id and the versions. One
// statement decides and updates, so that of two callers with the same condition
// at once the second one sees what the first has done. Errors: ErrNotFound,
// ErrModified, ErrExcluded, ErrUnmet.
func Update[T any](ctx context.Context, db *gorm.DB, id int64, changes Changes, at Versions) (row T, err error) {
	var rows []T
	query := at.where(db.WithContext(ctx).Where("id = ?", id))
	if len(changes) == 0 {
		err = query.Find(&rows).Error
	} else {
		var table *schema.Schema
		if table, err = parse[T](db); err == nil {
			err = query.Model(&rows).Clauses(returning(table)).Updates(map[string]any(changes)).Error
		}
	}
	switch {
	case err != nil:
	case len(rows) == 0:
		row, err = refusal[T](ctx, db, id, at)
	default:
		row = rows[0]
	}
	return row, within[T](db, err, "update", id)
}

// Delete removes the row. Like Update it heeds conditions that db holds, and has
// the same errors.
func Delete[T any](ctx context.Context, db *gorm.DB, id int64, at Versions) error {
	result := at.where(db.WithContext(ctx).Where("id = ?", id)).Delete(new(T))
	err := result.Error
	if err == nil && result.RowsAffected == 0 {
		_, err = refusal[T](ctx, db, id, at)
	}
	return within[T](db, err, "delete", id)
}

// refusal tells why a statement found no row to change.
func refusal[T any](ctx context.Context, db *gorm.DB, id int64, at Versions) (T, error) {
	// NewDB leaves the conditions out, but only until the next WithContext.
	row, err := find[T](db.Session(&gorm.Session{NewDB: true, Context: ctx}), id)
	if err == nil && !at.any() {
		var table *schema.Schema
		if table, err = parse[T](db); err == nil {
			var version int64
			if version, err = valueOf[int64](ctx, table, &row, "version"); err == nil {
				err = at.check(version)
			}
		}
	}
	if err == nil {
		err = ErrModified // and back again, since the statement
		if _, conditions := db.Statement.Clauses["WHERE"]; conditions {
			err = ErrUnmet
		}
	}
	return row, err
}

// valueOf reads the field of a column.
func valueOf[V, T any](ctx context.Context, table *schema.Schema, row *T, column string) (value V, err error) {
	field := table.LookUpField(column)
	if field == nil {
		return value, fmt.Errorf("table %s has no column %s", table.Table, column)
	}
	content, _ := field.ValueOf(ctx, reflect.ValueOf(row).Elem())
	value, ok := content.(V)
	if !ok {
		return value, fmt.Errorf("table %s: the column %s is no %T", table.Table, column, value)
	}
	return value, nil
}

// within says in an error what was done, to which table and row.
func within[T any](db *gorm.DB, err error, verb string, id ...int64) error {
	if err == nil {
		return nil
	}
	what := fmt.Sprintf("%T", *new(T))
	if table, failed := parse[T](db); failed == nil {
		what = table.Table
	}
	for _, id := range id {
		what += fmt.Sprint(" ", id)
	}
	return fmt.Errorf("%s %s: %w", verb, what, err)
}

// returning names a model's columns: with RETURNING *, a migration that adds one
// would break the statements whose plans PostgreSQL has cached.
func returning(table *schema.Schema) clause.Returning {
	columns := make([]clause.Column, len(table.DBNames))
	for i, name := range table.DBNames {
		columns[i] = clause.Column{Name: name}
	}
	return clause.Returning{Columns: columns}
}

// parse reads a model's tags, once for the process.
func parse[T any](db *gorm.DB) (*schema.Schema, error) {
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(new(T)); err != nil {
		return nil, err
	}
	return stmt.Schema, nil
}
