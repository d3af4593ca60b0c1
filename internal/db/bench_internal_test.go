package db

import "testing"

const benchText = `UPDATE "items" SET "title" = $1, "updated_at" = $2 WHERE "items"."id" = $3 AND "status" <> 'it''s done' RETURNING "id", "title"`

// BenchmarkEffects is what a session pays for each statement to know what it may leave behind.
func BenchmarkEffects(b *testing.B) {
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		var cache effectsCache
		for b.Loop() {
			cache.of(benchText)
		}
	})
	b.Run("new", func(b *testing.B) { // a text that was not seen before is read
		b.ReportAllocs()
		for b.Loop() {
			effectsOf(benchText)
		}
	})
}
