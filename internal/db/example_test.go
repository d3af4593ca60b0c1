package db_test

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/models"
)

// Work outside of requests, such as that of a worker, takes a session of its own. Here it picks items that wait, and marks
// them processed: committed when the function returns nil, undone when it returns an error or panics.
func ExampleDB_WithSession() {
	conn, end := exampleDB("first", "second", "third") // a pool, and three pending items
	defer end()
	ctx := context.Background()

	err := conn.WithSession(ctx, func(tx *gorm.DB) error {
		var items []models.Item
		free := clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"} // another worker gets others
		err := tx.Clauses(free).Where("status = ?", models.Pending).Order("id").Limit(2).Find(&items).Error
		if err != nil {
			return err
		}
		for _, item := range items {
			for _, next := range []models.Status{models.Processing, models.Processed} {
				if item, err = models.UpdateItem(ctx, tx, item.ID, models.ItemChanges{Status: &next}, nil); err != nil {
					return err
				}
			}
			fmt.Println(item.Title, "is", item.Status)
		}
		return nil
	}, db.Retry(3))
	fmt.Println("error:", err)

	err = conn.WithSession(ctx, func(tx *gorm.DB) error {
		left, _, err := models.ListItems(ctx, tx, models.ItemFilter{Status: models.Pending, Limit: 100})
		fmt.Println("still pending:", len(left))
		return err
	}, db.ReadOnly())
	fmt.Println("error:", err)

	// Output:
	// first is processed
	// second is processed
	// error: <nil>
	// still pending: 1
	// error: <nil>
}
