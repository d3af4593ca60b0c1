package models

// All has a struct of each table, which api check compares with the database, and
// a test with the migrations. api check names the tables that it has none of.
func All() []any {
	return []any{
		&Item{},
	}
}
