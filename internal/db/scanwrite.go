package db

import (
	"errors"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
)

// writer takes the place of GORM's callbacks for INSERT and UPDATE where the rows
// come back as they are stored, and has them read as a query's are. The statement's
// text is written as GORM does, and all other statements are left to it.
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
	if !returns(tx, reflect.Struct) || len(stmt.Schema.CreateClauses) > 0 {
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
	if !chosen || !returns(tx, reflect.Slice) || stmt.ReflectValue.Len() > 0 || len(stmt.Schema.UpdateClauses) > 0 {
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

// returns reports a statement whose rows go into models of this kind.
func returns(tx *gorm.DB, kind reflect.Kind) bool {
	_, session := tx.Statement.ConnPool.(*sessionConn)
	if !session || tx.Error != nil || tx.DryRun || tx.Statement.SQL.Len() > 0 || !intoModels(tx.Statement) ||
		tx.Statement.ReflectValue.Kind() != kind {
		return false
	}
	_, returning := tx.Statement.Clauses["RETURNING"]
	_, conflict := tx.Statement.Clauses["ON CONFLICT"]
	_, set := tx.Statement.Clauses["SET"]
	return returning && !conflict && !set
}
