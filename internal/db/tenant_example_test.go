package db_test

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
)

// tenantKey holds the tenant in a request's context. A middleware puts it there, from the caller's key or token.
type tenantKey struct{}

// asTenant makes a session see the rows of the context's tenant only. It is an option of routes and of WithSession.
func asTenant() []db.SessionOption {
	return []db.SessionOption{
		db.Local("app.tenant", func(ctx context.Context) (string, error) {
			tenant, ok := ctx.Value(tenantKey{}).(string)
			if !ok {
				return "", errors.New("no tenant in the context")
			}
			return tenant, nil
		}),
		// Policies do not bind superusers and owners, so that the session takes a role that they bind.
		db.Local("role", func(context.Context) (string, error) { return "tenant", nil }),
	}
}

// Row-level security by tenant: PostgreSQL itself keeps the tenants apart, whatever a query forgets to say.
func ExampleLocal() {
	conn, end := exampleDB()
	defer end()
	ctx := context.Background()

	// This belongs into a migration.
	err := conn.WithSession(ctx, func(tx *gorm.DB) error {
		return tx.Exec(`
			CREATE TABLE notes (text text NOT NULL, tenant text NOT NULL CHECK (tenant <> '') DEFAULT current_setting('app.tenant'));
			ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
			CREATE POLICY own_notes ON notes USING (tenant = current_setting('app.tenant'));
			DO $$ BEGIN CREATE ROLE tenant; EXCEPTION WHEN duplicate_object OR unique_violation THEN END $$;
			GRANT SELECT, INSERT ON notes TO tenant`).Error
	})
	fmt.Println("migrated:", err)

	for _, tenant := range []string{"green", "blue"} {
		ctx := context.WithValue(ctx, tenantKey{}, tenant)
		err := conn.WithSession(ctx, func(tx *gorm.DB) error {
			return tx.Exec("INSERT INTO notes (text) VALUES (?)", "of "+tenant).Error
		}, asTenant()...)
		if err != nil {
			fmt.Println(err)
		}
	}
	for _, tenant := range []string{"green", "blue"} {
		ctx := context.WithValue(ctx, tenantKey{}, tenant)
		_ = conn.WithSession(ctx, func(tx *gorm.DB) error {
			var notes []string
			err := tx.Raw("SELECT text FROM notes").Scan(&notes).Error
			fmt.Println(tenant, "sees", notes, err)
			return err
		}, asTenant()...)
	}
	err = conn.WithSession(ctx, func(tx *gorm.DB) error { return tx.Exec("SELECT 1").Error }, asTenant()...)
	fmt.Println("without one:", err)

	// Output:
	// migrated: <nil>
	// green sees [of green] <nil>
	// blue sees [of blue] <nil>
	// without one: set local app.tenant: no tenant in the context
}
