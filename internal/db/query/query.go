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
// triggers have put in, and times in microseconds.
func Create[T any](ctx context.Context, db *gorm.DB, row *T) error {
	columns, err := returning[T](db)
	if err != nil {
		return err
	}
	return db.WithContext(ctx).Clauses(columns).Create(row).Error
}

// Find returns the row with the id, or ErrNotFound.
func Find[T any](ctx context.Context, db *gorm.DB, id int64) (row T, err error) {
	return find[T](db.WithContext(ctx), id)
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
		var columns clause.Returning
		if columns, err = returning[T](db); err == nil {
			err = query.Model(&rows).Clauses(columns).Updates(map[string]any(changes)).Error
		}
	}
	switch {
	case err != nil:
		return row, err
	case len(rows) == 0:
		return refusal[T](ctx, db, id, at)
	default:
		return rows[0], nil
	}
}

// Delete removes the row. Like Update it heeds conditions that db holds, and has
// the same errors.
func Delete[T any](ctx context.Context, db *gorm.DB, id int64, at Versions) error {
	result := at.where(db.WithContext(ctx).Where("id = ?", id)).Delete(new(T))
	if result.Error != nil || result.RowsAffected > 0 {
		return result.Error
	}
	_, err := refusal[T](ctx, db, id, at)
	return err
}

// refusal tells why a statement found no row to change.
func refusal[T any](ctx context.Context, db *gorm.DB, id int64, at Versions) (T, error) {
	// NewDB leaves the conditions out, but only until the next WithContext.
	row, err := find[T](db.Session(&gorm.Session{NewDB: true, Context: ctx}), id)
	if err == nil && !at.any() {
		var version int64
		if version, err = versionOf(ctx, db, &row); err == nil {
			err = at.check(version)
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

// versionOf reads the field of the column version.
func versionOf[T any](ctx context.Context, db *gorm.DB, row *T) (int64, error) {
	table, err := parse[T](db)
	if err != nil {
		return 0, err
	}
	field := table.LookUpField("version")
	if field == nil {
		return 0, fmt.Errorf("table %s has no column version", table.Table)
	}
	value, _ := field.ValueOf(ctx, reflect.ValueOf(row).Elem())
	version, ok := value.(int64)
	if !ok {
		return 0, fmt.Errorf("table %s: the column version is no int64", table.Table)
	}
	return version, nil
}

// returning names a model's columns: with RETURNING *, a migration that adds one
// would break the statements whose plans PostgreSQL has cached.
func returning[T any](db *gorm.DB) (clause.Returning, error) {
	table, err := parse[T](db)
	if err != nil {
		return clause.Returning{}, err
	}
	columns := make([]clause.Column, len(table.DBNames))
	for i, name := range table.DBNames {
		columns[i] = clause.Column{Name: name}
	}
	return clause.Returning{Columns: columns}, nil
}

// parse reads a model's tags, once for the process.
func parse[T any](db *gorm.DB) (*schema.Schema, error) {
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(new(T)); err != nil {
		return nil, err
	}
	return stmt.Schema, nil
}
