package db_test

import (
	"fmt"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

var selectQueries = map[string]func(*gorm.DB) *gorm.DB{
	"all":      func(tx *gorm.DB) *gorm.DB { return tx.Find(&[]scanPlain{}) },
	"pointers": func(tx *gorm.DB) *gorm.DB { return tx.Find(&[]*scanPlain{}) },
	"some": func(tx *gorm.DB) *gorm.DB {
		return tx.Where("text = ?", "a").Order("id DESC").Limit(3).Offset(2).Find(&[]scanPlain{})
	},
	"first":          func(tx *gorm.DB) *gorm.DB { return tx.First(&scanPlain{}) },
	"by key":         func(tx *gorm.DB) *gorm.DB { return tx.Take(&scanPlain{}, 7) },
	"by its own key": func(tx *gorm.DB) *gorm.DB { return tx.Take(&scanPlain{ID: 7}) },
	"selected": func(tx *gorm.DB) *gorm.DB {
		return tx.Select("id", "count(*) AS count").Group("id").Find(&[]scanPlain{})
	},
	"omitted":         func(tx *gorm.DB) *gorm.DB { return tx.Omit("text").Find(&[]scanPlain{}) },
	"distinct":        func(tx *gorm.DB) *gorm.DB { return tx.Distinct().Find(&[]scanPlain{}) },
	"distinct, named": func(tx *gorm.DB) *gorm.DB { return tx.Distinct("text").Find(&[]scanPlain{}) },
	"joined":          func(tx *gorm.DB) *gorm.DB { return tx.Joins("Author").Find(&[]book{}) },
	"joined by hand":  func(tx *gorm.DB) *gorm.DB { return tx.Joins("JOIN tags ON true").Find(&[]scanPlain{}) },
	"another table":   func(tx *gorm.DB) *gorm.DB { return tx.Table("others").Find(&[]scanPlain{}) },
	"an alias":        func(tx *gorm.DB) *gorm.DB { return tx.Table("scan_plains AS p").Find(&[]scanPlain{}) },
	"a subquery": func(tx *gorm.DB) *gorm.DB {
		return tx.Table("(?) AS scan_plains", tx.Model(&scanPlain{}).Where("id > 1")).Find(&[]scanPlain{})
	},
	"in a subquery": func(tx *gorm.DB) *gorm.DB {
		return tx.Where("id IN (?)", tx.Model(&scanPlain{}).Select("id")).Find(&[]scanPlain{})
	},
	"not deleted": func(tx *gorm.DB) *gorm.DB { return tx.Where("id > 1 OR id < 0").Find(&[]scanTyped{}) },
	"deleted":     func(tx *gorm.DB) *gorm.DB { return tx.Unscoped().Find(&[]scanTyped{}) },
	"locked":      func(tx *gorm.DB) *gorm.DB { return tx.Clauses(clause.Locking{Strength: "UPDATE"}).First(&scanPlain{}) },
	"a clause of FROM": func(tx *gorm.DB) *gorm.DB {
		return tx.Clauses(clause.From{Tables: []clause.Table{{Name: "others"}}}).Find(&[]scanPlain{})
	},
	"a clause of what": func(tx *gorm.DB) *gorm.DB {
		return tx.Clauses(clause.Select{Columns: []clause.Column{{Name: "id"}}}).Find(&[]scanPlain{})
	},
	"a smaller type":    func(tx *gorm.DB) *gorm.DB { return tx.Model(&scanPlain{}).Find(&[]scanHooked{}) },
	"counted":           func(tx *gorm.DB) *gorm.DB { return tx.Model(&scanPlain{}).Count(new(int64)) },
	"found and counted": func(tx *gorm.DB) *gorm.DB { return tx.Where("id > 1").Find(&[]scanPlain{}).Count(new(int64)) },
	"a scope": func(tx *gorm.DB) *gorm.DB {
		return tx.Scopes(func(tx *gorm.DB) *gorm.DB { return tx.Where("text = 'mine'") }).Find(&[]scanPlain{})
	},
}

// TestSelectAsGORM has each text written twice, as TestScanAsGORM does.
func TestSelectAsGORM(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t)
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		for name, query := range selectQueries {
			var texts [2]string
			for i, way := range []bool{false, true} {
				stmt := query(tx.Session(&gorm.Session{DryRun: true, PrepareStmt: way})).Statement
				texts[i] = fmt.Sprint(stmt.SQL.String(), stmt.Vars)
			}
			if texts[0] != texts[1] || len(texts[0]) < 20 {
				t.Errorf("%s:\n%s\nwant\n%s", name, texts[0], texts[1])
			}
		}
		return nil
	}))
}
