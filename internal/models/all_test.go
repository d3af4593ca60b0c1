package models_test

import (
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/models"
)

// TestModelsAgreeWithMigrations, as api check sees it.
func TestModelsAgreeWithMigrations(t *testing.T) {
	t.Parallel()
	opts := db.Options{URL: dbtest.New(t), PoolSize: 1, ConnectTimeout: time.Minute}
	for _, finding := range db.Examine(t.Context(), opts, db.Surroundings{Instances: 1, Models: models.All()}) {
		if (finding.Name == "columns" || finding.Name == "indexes") && finding.Status != db.Sound {
			t.Errorf("%+v", finding)
		}
	}
}
