package models_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/models"
)

// TestModelAgreesWithMigration compares the columns that GORM would make with those that the migration made.
func TestModelAgreesWithMigration(t *testing.T) {
	t.Parallel()
	empty := dbtest.Empty(t)
	auto, err := gorm.Open(postgres.Open(empty))
	if err != nil {
		t.Fatal(err)
	}
	if err := auto.AutoMigrate(&models.Item{}); err != nil {
		t.Fatal(err)
	}
	if pool, err := auto.DB(); err != nil || pool.Close() != nil {
		t.Fatal("close", err)
	}
	const columns = `SELECT format('%s %s null:%s', column_name, data_type, is_nullable) FROM information_schema.columns
		WHERE table_name = 'items' ORDER BY column_name`
	ofModel, migrated := dbtest.Lines(t, empty, columns), dbtest.Lines(t, dbtest.New(t), columns)
	if diff := cmp.Diff(ofModel, migrated); diff != "" || len(migrated) == 0 {
		t.Errorf("-model +migration: %s", diff)
	}
}
