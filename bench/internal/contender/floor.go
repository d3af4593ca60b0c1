package contender

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	columns = `id, title, audio_url, language, status, transcript, duration_seconds, error, created_at, updated_at`

	getSQL  = `SELECT ` + columns + ` FROM items WHERE id = $1`
	listSQL = `SELECT id, title, audio_url, language, status, duration_seconds, error, created_at, updated_at
		FROM items ORDER BY created_at DESC, id DESC LIMIT $1`
	createSQL = `INSERT INTO items (title, audio_url, language) VALUES ($1, $2, $3) RETURNING ` + columns
	patchSQL  = `UPDATE items SET title = $1 WHERE id = $2 RETURNING ` + columns
)

// querier is a transaction or the pool itself.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// floor is written by hand: net/http, a pgxpool and SQL.
type floor struct {
	pool *pgxpool.Pool
	// within runs fn in a transaction, or without one.
	within func(ctx context.Context, mode pgx.TxAccessMode, fn func(querier) error) error
}

// NewFloor serves with BEGIN and COMMIT around each request's statement, or
// without.
func NewFloor(ctx context.Context, url string, transaction bool) (http.Handler, func(), error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, nil, err
	}
	cfg.MaxConns, cfg.MinConns = 15, 5
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, nil, err
	}
	f := &floor{pool: pool}
	f.within = f.bare
	if transaction {
		f.within = f.begun
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/{id}", answering(http.StatusOK, f.get))
	mux.HandleFunc("GET /items", answering(http.StatusOK, f.list))
	mux.HandleFunc("POST /items", answering(http.StatusCreated, f.create))
	mux.HandleFunc("PATCH /items/{id}", answering(http.StatusOK, f.patch))
	return mux, pool.Close, nil
}

func (f *floor) bare(_ context.Context, _ pgx.TxAccessMode, fn func(querier) error) error {
	return fn(f.pool)
}

func (f *floor) begun(ctx context.Context, mode pgx.TxAccessMode, fn func(querier) error) error {
	return pgx.BeginTxFunc(ctx, f.pool, pgx.TxOptions{AccessMode: mode}, func(tx pgx.Tx) error { return fn(tx) })
}

func (f *floor) get(r *http.Request) (any, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, pgx.ErrNoRows
	}
	return f.one(r.Context(), pgx.ReadOnly, getSQL, id)
}

func (f *floor) create(r *http.Request) (any, error) {
	var in newItem
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	return f.one(r.Context(), pgx.ReadWrite, createSQL, in.Title, in.AudioURL, in.Language)
}

func (f *floor) patch(r *http.Request) (any, error) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return nil, pgx.ErrNoRows
	}
	var in changes
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	return f.one(r.Context(), pgx.ReadWrite, patchSQL, in.Title, id)
}

// one runs a statement that returns one whole row.
func (f *floor) one(ctx context.Context, mode pgx.TxAccessMode, sql string, args ...any) (v row, err error) {
	err = f.within(ctx, mode, func(q querier) error {
		return q.QueryRow(ctx, sql, args...).Scan(&v.ID, &v.Title, &v.AudioURL, &v.Language, &v.Status,
			&v.Transcript, &v.DurationSeconds, &v.Error, (*time.Time)(&v.CreatedAt), (*time.Time)(&v.UpdatedAt))
	})
	return v, err
}

func (f *floor) list(r *http.Request) (any, error) {
	items := make([]listed, 0, pageSize+1)
	err := f.within(r.Context(), pgx.ReadOnly, func(q querier) error {
		rows, err := q.Query(r.Context(), listSQL, pageSize+1)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var v listed
			if err := rows.Scan(&v.ID, &v.Title, &v.AudioURL, &v.Language, &v.Status,
				&v.DurationSeconds, &v.Error, (*time.Time)(&v.CreatedAt), (*time.Time)(&v.UpdatedAt)); err != nil {
				return err
			}
			items = append(items, v)
		}
		return rows.Err()
	})
	return newPage(items), err
}

// answering writes what a handler returns, after its COMMIT.
func answering(status int, handler func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		value, err := handler(r)
		if errors.Is(err, pgx.ErrNoRows) {
			http.NotFound(w, r)
			return
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if item, ok := value.(row); ok && status == http.StatusCreated {
			w.Header().Set("Location", fmt.Sprintf("/items/%d", item.ID))
		}
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(value) // fails if the client has gone
	}
}
