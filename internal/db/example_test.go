package db_test

import (
	"context"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"example.com/transcription-api/internal/db"
)

// Work outside of requests, such as that of a worker, takes a session of its own. Here it picks things that wait, and marks
// them processed: committed when the function returns nil, undone when it returns an error or panics.
func ExampleDB_WithSession() {
	conn, end := exampleDB("first", "second", "third") // a pool, and three pending things
	defer end()
	ctx := context.Background()

	err := conn.WithSession(ctx, func(tx *gorm.DB) error {
		var things []thing
		free := clause.Locking{Strength: "UPDATE", Options: "SKIP LOCKED"} // another worker gets others
		err := tx.Clauses(free).Where("status = ?", "pending").Order("id").Limit(2).Find(&things).Error
		if err != nil {
			return err
		}
		for _, thing := range things {
			if err := tx.Model(&thing).Update("status", "processed").Error; err != nil {
				return err
			}
			fmt.Println(thing.Title, "is", thing.Status)
		}
		return nil
	}, db.Retry(3))
	fmt.Println("error:", err)

	err = conn.WithSession(ctx, func(tx *gorm.DB) error {
		var left int64
		err := tx.Model(&thing{}).Where("status = ?", "pending").Count(&left).Error
		fmt.Println("still pending:", left)
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
		row := thing{Title: "Interview", Link: "https://example.com/a.wav"}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return db.AfterCommit(tx, func(ctx context.Context) {
			conn.Go(ctx, func(ctx context.Context) error { return process(ctx, conn, row.ID) })
		})
	})
	fmt.Println("error:", err)

	// The program does this when it stops, after the last request.
	fmt.Println("error:", conn.Drain(context.Background()))

	// Output:
	// error: <nil>
	// it is processing
	// error: <nil>
}

func process(ctx context.Context, conn *db.DB, id int64) error {
	return conn.WithSession(ctx, func(tx *gorm.DB) error {
		row := thing{ID: id}
		if err := tx.Model(&row).Update("status", "processing").Error; err != nil {
			return err
		}
		fmt.Println("it is", row.Status)
		return nil
	})
}
