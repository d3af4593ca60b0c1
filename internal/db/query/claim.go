package query

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Claim changes one row of those that db's conditions select, and returns it as
// it then is: the least of the column, and of the id, that no other transaction
// has locked. Callers at the same time get different rows, and none waits for
// another. The changes must take the row out of the conditions, so that it is
// claimed once. Without such a row: ErrNotFound.
func Claim[T any](ctx context.Context, db *gorm.DB, column string, changes Changes) (row T, err error) {
	table, err := parse[T](db)
	if err != nil {
		return row, err
	}
	by := clause.OrderBy{Columns: []clause.OrderByColumn{{Column: clause.Column{Name: column}}, {Column: clause.Column{Name: "id"}}}}
	first := db.WithContext(ctx).Model(new(T)).Select("id").Order(by).Limit(1).
		Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate, Options: clause.LockingOptionsSkipLocked})
	var rows []T
	// With = the inner statement runs once; with IN it could lock rows that it does not return.
	err = db.Session(&gorm.Session{NewDB: true, Context: ctx}).Model(&rows).Clauses(returning(table)).
		Where("id = (?)", first).Updates(map[string]any(changes)).Error
	switch {
	case err != nil:
		return row, err
	case len(rows) == 0:
		return row, ErrNotFound
	default:
		return rows[0], nil
	}
}
