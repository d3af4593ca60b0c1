package db_test

import (
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/db"
)

// What a session costs beside PostgreSQL: each benchmark has a twin that does the same by hand with pgx. The socket is a
// local one; run them by make bench-micro.

const benchQuery = "SELECT title FROM items WHERE id = $1"

// benchOpen opens a pool of one connection on a database with one item.
func benchOpen(b *testing.B) (conn *db.DB, url string) {
	b.Helper()
	conn, url, _ = sessionOpen(b, sessionPool(1, 0))
	sessionMust(b, conn.WithSession(b.Context(), func(tx *gorm.DB) error { return sessionInsert(tx, "a") }))
	b.ReportAllocs()
	return conn, url
}

// BenchmarkSession begins, asks for one row and commits: two round trips.
func BenchmarkSession(b *testing.B) {
	conn, _ := benchOpen(b)
	for b.Loop() {
		sessionMust(b, conn.WithSession(b.Context(), func(tx *gorm.DB) error {
			var title string
			return tx.Raw(benchQuery, 1).Row().Scan(&title)
		}, db.ReadOnly()))
	}
}

// BenchmarkSessionByHand is the same in pgx, whose BEGIN is a round trip of its own.
func BenchmarkSessionByHand(b *testing.B) {
	_, url := benchOpen(b)
	pool, err := pgxpool.New(b.Context(), url)
	sessionMust(b, err)
	defer pool.Close()
	for b.Loop() {
		sessionMust(b, pgx.BeginTxFunc(b.Context(), pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			var title string
			return tx.QueryRow(b.Context(), benchQuery, 1).Scan(&title)
		}))
	}
}

// BenchmarkSessionUnused makes and ends a session without a statement.
func BenchmarkSessionUnused(b *testing.B) {
	conn, _ := benchOpen(b)
	for b.Loop() {
		sessionMust(b, conn.WithSession(b.Context(), func(*gorm.DB) error { return nil }))
	}
}

// BenchmarkRows scans many rows in one session, through the bridge to database/sql: the figures are those of a row.
func BenchmarkRows(b *testing.B) {
	conn, _ := benchOpen(b)
	sessionMust(b, conn.WithSession(b.Context(), func(tx *gorm.DB) error {
		rows, err := tx.Raw("SELECT id, 'title' || id FROM generate_series(1::bigint, " + strconv.Itoa(b.N) + ") AS id").Rows()
		sessionMust(b, err)
		defer rows.Close()
		var id int64
		var title string
		b.ResetTimer()
		for rows.Next() {
			sessionMust(b, rows.Scan(&id, &title))
		}
		return rows.Err()
	}))
}

// BenchmarkRowsByHand is the same in pgx.
func BenchmarkRowsByHand(b *testing.B) {
	_, url := benchOpen(b)
	pool, err := pgxpool.New(b.Context(), url)
	sessionMust(b, err)
	defer pool.Close()
	rows, err := pool.Query(b.Context(), "SELECT id, 'title' || id FROM generate_series(1::bigint, "+strconv.Itoa(b.N)+") AS id")
	sessionMust(b, err)
	defer rows.Close()
	var id int64
	var title string
	b.ResetTimer()
	for rows.Next() {
		sessionMust(b, rows.Scan(&id, &title))
	}
	sessionMust(b, rows.Err())
}
