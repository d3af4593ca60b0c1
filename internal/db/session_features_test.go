package db_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"example.com/transcription-api/internal/db/dbtest"
)

// author, book and chapter have what GORM's features are about.
type author struct {
	ID      int64
	Name    string
	Books   []book
	Created int // books that its hooks have made
}

type book struct {
	ID        int64
	AuthorID  int64
	Author    *author
	Title     string
	Chapters  []chapter
	Tags      []tag `gorm:"many2many:book_tags"`
	DeletedAt gorm.DeletedAt
}

type chapter struct {
	ID     int64
	BookID int64
	Title  string
}

type tag struct {
	ID   int64
	Name string
}

// BeforeCreate runs a statement of its own in the session.
func (a *author) BeforeCreate(tx *gorm.DB) error {
	return tx.Raw("SELECT count(*) FROM books").Scan(&a.Created).Error
}

// AfterFind runs one for each row, when all have been read.
func (c *chapter) AfterFind(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error }

const featureTables = `
	CREATE TABLE authors (id bigserial PRIMARY KEY, name text NOT NULL, created bigint);
	CREATE TABLE books (id bigserial PRIMARY KEY, author_id bigint REFERENCES authors, title text UNIQUE, deleted_at timestamptz);
	CREATE TABLE chapters (id bigserial PRIMARY KEY, book_id bigint REFERENCES books, title text);
	CREATE TABLE tags (id bigserial PRIMARY KEY, name text);
	CREATE TABLE book_tags (book_id bigint REFERENCES books, tag_id bigint REFERENCES tags, PRIMARY KEY (book_id, tag_id))`

// features are what of GORM's runs several statements, or reads rows in other ways than into structs.
var features = map[string]func(tx *gorm.DB) (got, want any, err error){
	"Preload, nested": func(tx *gorm.DB) (any, any, error) {
		var a author
		err := tx.Preload("Books.Chapters").Preload("Books.Tags").First(&a).Error
		return fmt.Sprint(len(a.Books), len(a.Books[0].Chapters), len(a.Books[0].Tags)), "2 2 1", err
	},
	"Joins": func(tx *gorm.DB) (any, any, error) {
		var books []book
		err := tx.Joins("Author").Order("books.id").Find(&books).Error
		return books[1].Author.Name, "Ann", err
	},
	"FindInBatches": func(tx *gorm.DB) (any, any, error) {
		var seen []string
		var books []book
		err := tx.FindInBatches(&books, 1, func(tx *gorm.DB, batch int) error {
			var n int64
			seen = append(seen, fmt.Sprint(batch, books[0].Title))
			return tx.Session(&gorm.Session{NewDB: true}).Model(&chapter{}).Count(&n).Error
		}).Error
		return seen, []string{"1one", "2two"}, err
	},
	"Transaction in Transaction": func(tx *gorm.DB) (any, any, error) {
		err := tx.Transaction(func(tx *gorm.DB) error {
			_ = tx.Transaction(func(tx *gorm.DB) error {
				return errors.Join(tx.Create(&tag{Name: "undone"}).Error, errSessionUndo)
			})
			return tx.Create(&tag{Name: "kept"}).Error
		})
		var names []string
		err = errors.Join(err, tx.Model(&tag{}).Order("id").Pluck("name", &names).Error)
		return names, []string{"red", "kept"}, err
	},
	"Association": func(tx *gorm.DB) (any, any, error) {
		one := book{ID: 1}
		err := tx.Model(&one).Association("Tags").Append(&tag{Name: "blue"})
		return tx.Model(&one).Association("Tags").Count(), int64(2), err
	},
	"CreateInBatches": func(tx *gorm.DB) (any, any, error) {
		tags := make([]tag, 25)
		err := tx.CreateInBatches(&tags, 10).Error
		return tags[24].ID > tags[0].ID, true, err
	},
	"Save": func(tx *gorm.DB) (any, any, error) {
		a := author{Name: "Bob", Books: []book{{Title: "three", Tags: []tag{{Name: "green"}}}}}
		err := tx.Session(&gorm.Session{FullSaveAssociations: true}).Save(&a).Error
		return a.Created, 2, err
	},
	"FirstOrCreate": func(tx *gorm.DB) (any, any, error) {
		made := tag{}
		err := tx.FirstOrCreate(&made, tag{Name: "new"}).Error
		return made.ID > 0, true, err
	},
	"Scan into maps": func(tx *gorm.DB) (any, any, error) {
		var rows []map[string]any
		err := tx.Model(&book{}).Select("id", "title").Order("id").Scan(&rows).Error
		return rows, []map[string]any{{"id": int64(1), "title": "one"}, {"id": int64(2), "title": "two"}}, err
	},
	"Pluck and Count": func(tx *gorm.DB) (any, any, error) {
		var titles []string
		var n int64
		err := tx.Model(&book{}).Count(&n).Order("id").Pluck("title", &titles).Error
		return fmt.Sprint(n, titles), "2 [one two]", err
	},
	"Rows and ScanRows": func(tx *gorm.DB) (any, any, error) {
		rows, err := tx.Model(&book{}).Order("id").Rows()
		if err != nil {
			return nil, nil, err
		}
		defer rows.Close()
		var titles []string
		for rows.Next() {
			var b book
			err = errors.Join(err, tx.ScanRows(rows, &b))
			titles = append(titles, b.Title)
		}
		return titles, []string{"one", "two"}, errors.Join(err, rows.Err())
	},
	"Row": func(tx *gorm.DB) (any, any, error) {
		var n int
		err := tx.Raw("SELECT 7").Row().Scan(&n)
		return n, 7, err
	},
	"no row": func(tx *gorm.DB) (any, any, error) {
		err := tx.Raw("SELECT 7 WHERE false").Row().Scan(new(int))
		return fmt.Sprint(err), "sql: no rows in result set", nil
	},
	"Locking": func(tx *gorm.DB) (any, any, error) {
		var b book
		err := tx.Clauses(clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"}).First(&b).Error
		return b.Title, "one", err
	},
	"Returning": func(tx *gorm.DB) (any, any, error) {
		var changed []book
		err := tx.Model(&changed).Clauses(clause.Returning{}).Where("id > 0").Update("author_id", 1).Error
		return len(changed), 2, err
	},
	"OnConflict": func(tx *gorm.DB) (any, any, error) {
		again := book{Title: "one", AuthorID: 1}
		err := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "title"}}, DoUpdates: clause.AssignmentColumns([]string{"author_id"})}).Create(&again).Error
		return again.ID, int64(1), err
	},
	"soft delete": func(tx *gorm.DB) (any, any, error) {
		var left, all int64
		err := tx.Delete(&book{ID: 2}).Error
		err = errors.Join(err, tx.Model(&book{}).Count(&left).Error, tx.Unscoped().Model(&book{}).Count(&all).Error)
		return []int64{left, all}, []int64{1, 2}, err
	},
	"hook of each row": func(tx *gorm.DB) (any, any, error) {
		var chapters []chapter
		err := tx.Find(&chapters).Error
		return len(chapters), 2, err
	},
	"Connection's own helpers": func(tx *gorm.DB) (any, any, error) {
		return tx.Migrator().HasTable("books"), true, tx.Error
	},
}

// TestSessionRunsGORMsFeatures: what legitimately runs several statements still does, with GORM's statement cache and without.
func TestSessionRunsGORMsFeatures(t *testing.T) {
	t.Parallel()
	conn, url, _ := sessionOpen(t)
	dbtest.Exec(t, url, featureTables)
	sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
		return tx.Create(&author{Name: "Ann", Books: []book{
			{Title: "one", Chapters: []chapter{{Title: "a"}, {Title: "b"}}, Tags: []tag{{Name: "red"}}}, {Title: "two"},
		}}).Error
	}))
	for name, use := range features {
		for _, prepare := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", prepared: ", prepare), func(t *testing.T) {
				err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
					got, want, err := use(tx.Session(&gorm.Session{PrepareStmt: prepare}))
					sessionMust(t, err)
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("(-want +got):\n%s", diff)
					}
					return errSessionUndo // for the others
				})
				if !errors.Is(err, errSessionUndo) {
					t.Error(err)
				}
			})
		}
	}
	sessionIdle(t, conn, url)
}

// TestSessionKeepsNothingForEver: neither prepared statements nor rows that nobody closed pile up in the process.
func TestSessionKeepsNothingForEver(t *testing.T) {
	t.Parallel()
	conn, _, _ := sessionOpen(t, sessionPool(1, 0))
	for range 200 {
		sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			prepared := tx.Session(&gorm.Session{PrepareStmt: true})
			sessionMust(t, prepared.Exec("SELECT ?::int", 1).Error)
			sessionMust(t, prepared.Raw("SELECT ?::int", 1).Scan(new(int)).Error)
			_, err := tx.Raw("SELECT 1").Rows() //nolint:rowserrcheck // left open
			return err
		}))
		sessionMust(t, conn.WithSession(t.Context(), func(tx *gorm.DB) error { return tx.Raw("SELECT 1").Row().Err() }))
	}
	dbtest.Eventually(t, "what was left is gone", func() bool {
		runtime.GC()
		return conn.BridgeConnections() <= 64
	})
}
