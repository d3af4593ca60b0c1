package query

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Key is a row's place in the order of a page: the value of the column, and the
// id, which tells apart rows that share it.
type Key[V any] struct {
	Value V     `json:"value"`
	ID    int64 `json:"id"`
}

// Page returns up to limit rows, the greatest of the column first, and where the
// next page goes on, which is nil if there are no more. It begins after the key,
// or with nil at the first row. Rows that come and go in between shift none, as
// they would with OFFSET. db may hold conditions; an index on them, the column
// and the id, in this order, serves all pages. The column must not be NULL.
func Page[T, V any](ctx context.Context, db *gorm.DB, column string, after *Key[V], limit int) (rows []T, next *Key[V], err error) {
	rows, next, err = page[T](ctx, db, column, after, limit)
	return rows, next, within[T](db, err, "list")
}

// maxRoom is for how many rows of a page room is made before there are any.
const maxRoom = 100

func page[T, V any](ctx context.Context, db *gorm.DB, column string, after *Key[V], limit int) (rows []T, next *Key[V], err error) {
	query := db.WithContext(ctx)
	by, id := clause.Column{Name: column}, clause.Column{Name: "id"}
	if after != nil {
		query = query.Where("(?, ?) < (?, ?)", by, id, after.Value, after.ID)
	}
	query = query.Order(clause.OrderBy{Columns: []clause.OrderByColumn{{Column: by, Desc: true}, {Column: id, Desc: true}}})
	rows = make([]T, 0, min(limit, maxRoom)+1) // GORM begins with 20
	// The row beyond the page says that there is another.
	found := query.Limit(limit + 1).Find(&rows)
	if found.Error != nil {
		return nil, nil, found.Error
	}
	if len(rows) <= limit {
		return rows, nil, nil
	}
	rows = rows[:limit]
	key := Key[V]{}
	table := found.Statement.Schema
	if key.Value, err = valueOf[V](ctx, table, &rows[limit-1], column); err == nil {
		key.ID, err = valueOf[int64](ctx, table, &rows[limit-1], "id")
	}
	return rows, &key, err
}
