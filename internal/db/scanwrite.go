package db

import (
	"errors"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
)

// writer takes the place of GORM's callbacks for INSERT and UPDATE where columns come
// back as they are stored (RETURNING), and has them read as a query's are. The
// statement's text is written as GORM does, and all other statements are left to it.
type writer struct {
	scanner
	gormCreate, gormUpdate func(*gorm.DB)
}

// scanDirect has conn's models read without GORM's detour.
func scanDirect(conn *gorm.DB) error {
	on := conn.Callback()
	w := &writer{gormCreate: on.Create().Get("gorm:create"), gormUpdate: on.Update().Get("gorm:update")}
	return errors.Join(on.Query().Replace("gorm:query", w.query),
		on.Create().Replace("gorm:create", w.create), on.Update().Replace("gorm:update", w.update))
}

// create inserts one row.
func (w *writer) create(tx *gorm.DB) {
	stmt := tx.Statement
	if !direct(tx, reflect.Struct) || len(stmt.Schema.CreateClauses) > 0 || !returning(stmt) {
		w.gormCreate(tx)
		return
	}
	stmt.SQL.Grow(2 * len(w.model(stmt).list))
	stmt.AddClauseIfNotExists(clause.Insert{})
	stmt.AddClause(callbacks.ConvertToCreateValues(stmt))
	stmt.Build(stmt.BuildClauses...)
	w.run(tx)
}

// update changes rows that are chosen by conditions, and puts them into an empty slice.
func (w *writer) update(tx *gorm.DB) {
	stmt := tx.Statement
	_, chosen := stmt.Clauses["WHERE"]
	_, returns := stmt.Clauses["RETURNING"]
	if !chosen || !returns || !direct(tx, reflect.Slice) || stmt.ReflectValue.Len() > 0 || len(stmt.Schema.UpdateClauses) > 0 {
		w.gormUpdate(tx)
		return
	}
	set := callbacks.ConvertToAssignments(stmt)
	if len(set) == 0 {
		return
	}
	stmt.SQL.Grow(2 * len(w.model(stmt).list))
	stmt.AddClauseIfNotExists(clause.Update{})
	defer delete(stmt.Clauses, "SET")
	stmt.AddClause(set)
	stmt.Build(stmt.BuildClauses...)
	dest := stmt.Dest
	stmt.Dest = stmt.ReflectValue.Addr().Interface()
	w.run(tx)
	stmt.Dest = dest
}

// returning has the columns come back that the caller asks for, or else those that
// the table fills in. It reports whether there are any.
func returning(stmt *gorm.Statement) bool {
	if _, asked := stmt.Clauses["RETURNING"]; asked {
		return true
	}
	var columns []clause.Column
	for _, field := range stmt.Schema.FieldsWithDefaultDBValue {
		if field.Readable {
			columns = append(columns, clause.Column{Name: field.DBName})
		}
	}
	if len(columns) > 0 {
		stmt.AddClause(clause.Returning{Columns: columns})
	}
	return len(columns) > 0
}

// direct reports a statement yet to be written whose rows go into models of this kind.
func direct(tx *gorm.DB, kind reflect.Kind) bool {
	stmt := tx.Statement
	_, session := stmt.ConnPool.(*sessionConn)
	if !session || tx.Error != nil || tx.DryRun || stmt.SQL.Len() > 0 || !intoModels(stmt) || stmt.ReflectValue.Kind() != kind {
		return false
	}
	_, conflict := stmt.Clauses["ON CONFLICT"]
	_, set := stmt.Clauses["SET"]
	return !conflict && !set
}
