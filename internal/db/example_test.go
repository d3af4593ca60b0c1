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
				if item, err = models.UpdateItem(ctx, tx, item.ID, models.ItemChanges{Status: &next}, models.Versions{}); err != nil {
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

// Work that follows from a request, such as telling another service, starts when its transaction is committed, and does not
// delay the answer. Go starts it: a stop waits for it, and what it returns is logged. It takes a session of its own.
func ExampleDB_Go() {
	conn, end := exampleDB()
	defer end()
	request := context.Background() // in a handler: c.Request.Context()

	// In a handler tx is its argument, and the middleware commits.
	err := conn.WithSession(request, func(tx *gorm.DB) error {
		item := models.Item{Title: "Interview", AudioURL: "https://example.com/a.wav", Language: "en", Status: models.Pending}
		if err := models.CreateItem(request, tx, &item); err != nil {
			return err
		}
		return db.AfterCommit(tx, func(ctx context.Context) {
			conn.Go(ctx, func(ctx context.Context) error { return transcribe(ctx, conn, item.ID) })
		})
	})
	fmt.Println("error:", err)

	// The program does this when it stops, after the last request.
	fmt.Println("error:", conn.Drain(context.Background()))

	// Output:
	// error: <nil>
	// Interview is processing
	// error: <nil>
}

func transcribe(ctx context.Context, conn *db.DB, id int64) error {
	return conn.WithSession(ctx, func(tx *gorm.DB) error {
		next := models.Processing
		item, err := models.UpdateItem(ctx, tx, id, models.ItemChanges{Status: &next}, models.Versions{})
		if err != nil {
			return err
		}
		fmt.Println(item.Title, "is", item.Status)
		return nil
	})
}
