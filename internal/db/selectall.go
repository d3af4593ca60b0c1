package db

import (
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// columnList is what stands between SELECT and FROM.
type columnList string

// Build implements clause.Expression.
func (l columnList) Build(builder clause.Builder) { _, _ = builder.WriteString(string(l)) }

// build writes the text of a query as GORM does. But the list of all of a model's
// columns is written once for the process: GORM quotes each name anew, letter by
// letter.
func (m *model) build(tx *gorm.DB) {
	stmt := tx.Statement
	if !m.selectedBy(stmt) {
		callbacks.BuildQuerySQL(tx)
		return
	}
	for _, own := range stmt.Schema.QueryClauses {
		stmt.AddClause(own)
	}
	stmt.SQL.Grow(len(m.list) + 200)
	stmt.AddClauseIfNotExists(clause.From{})
	stmt.AddClauseIfNotExists(clause.Select{Expression: m.list})
	stmt.Build(stmt.BuildClauses...)
}

// selectedBy reports a statement that selects all columns of the model's table, and
// nothing else. One whose destination holds a key looks for that.
func (m *model) selectedBy(stmt *gorm.Statement) bool {
	if stmt.SQL.Len() > 0 || stmt.Table != stmt.Schema.Table || !stmt.QueryFields || stmt.Distinct ||
		len(stmt.Selects) > 0 || len(stmt.Omits) > 0 || len(stmt.Joins) > 0 {
		return false
	}
	for _, name := range []string{"SELECT", "FROM"} {
		if _, given := stmt.Clauses[name]; given {
			return false
		}
	}
	if stmt.ReflectValue.Kind() != reflect.Struct {
		return true
	}
	for _, key := range stmt.Schema.PrimaryFields {
		if _, zero := key.ValueOf(stmt.Context, stmt.ReflectValue); !zero {
			return false
		}
	}
	return true
}

func listOf(stmt *gorm.Statement, table *schema.Schema) columnList {
	names := make([]string, len(table.DBNames))
	for i, name := range table.DBNames {
		names[i] = stmt.Quote(clause.Column{Table: table.Table, Name: name})
	}
	return columnList(strings.Join(names, ","))
}
