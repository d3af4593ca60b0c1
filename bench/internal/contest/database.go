package contest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/bench/internal/proc"
)

// ErrNoItems says that the service has no table of items.
var ErrNoItems = errors.New("this service has no items (see make drop-example): there is nothing to compare")

// server is the PostgreSQL server, looked at from a database that no contender uses.
type server struct {
	url        string
	conn       *pgx.Conn
	postmaster int
}

// originalName is the database of which every contender gets a copy.
const originalName = "bench_original"

func openServer(ctx context.Context, url string) (*server, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	s := &server{url: url, conn: conn}
	if s.postmaster, err = proc.Default.Parent(int(conn.PgConn().PID())); err != nil {
		s.close()
		return nil, fmt.Errorf("the bench reads /proc, on Linux, of a PostgreSQL on the same machine: %w", err)
	}
	return s, nil
}

func (s *server) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second) // also after a run that was ended
	defer cancel()
	_ = s.conn.Close(ctx)
}

// database is the URL of another database of the server.
func (s *server) database(name string) (string, error) {
	u, err := url.Parse(s.url)
	if err != nil {
		return "", fmt.Errorf("the database's URL: %w", err)
	}
	u.Path = "/" + name
	return u.String(), nil
}

// through is the same URL by way of a proxy's address.
func through(database, address string) (string, error) {
	cfg, err := pgx.ParseConfig(database)
	if err != nil {
		return "", err
	}
	u := url.URL{Scheme: "postgres", User: url.UserPassword(cfg.User, cfg.Password), Host: address, Path: "/" + cfg.Database, RawQuery: "sslmode=disable"}
	return u.String(), nil
}

// prepare makes the template by the service's own migrations, and a copy of it
// for each contender.
func (s *server) prepare(ctx context.Context, programs Programs, rows int) error {
	if err := s.create(ctx, originalName, "template0"); err != nil {
		return err
	}
	template, err := s.database(originalName)
	if err != nil {
		return err
	}
	if said, err := programs.service(ctx, template, "migrate").CombinedOutput(); err != nil {
		return fmt.Errorf("migrate: %w: %s", err, said)
	}
	if err := fill(ctx, template, rows); err != nil {
		return err
	}
	for _, c := range Contenders {
		if err := s.create(ctx, "bench_"+c.ID, originalName); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) create(ctx context.Context, name, template string) error {
	if err := s.drop(ctx, name); err != nil {
		return err
	}
	_, err := s.conn.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+template)
	return err
}

func (s *server) drop(ctx context.Context, name string) error {
	_, err := s.conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	return err
}

// clean removes what prepare has made, also after a run that was ended.
func (s *server) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := s.drop(ctx, originalName)
	for _, c := range Contenders {
		err = errors.Join(err, s.drop(ctx, "bench_"+c.ID))
	}
	return err
}

// fill makes the items 1 to rows, each a second younger than the one before.
func fill(ctx context.Context, url string, rows int) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	var there bool
	if err := conn.QueryRow(ctx, "SELECT to_regclass('items') IS NOT NULL").Scan(&there); err != nil {
		return err
	}
	if !there {
		return ErrNoItems
	}
	if _, err := conn.Exec(ctx, `INSERT INTO items (title, audio_url, created_at, updated_at)
		SELECT 'Interview ' || n, 'https://example.com/' || n || '.wav', at, at
		FROM generate_series(1, $1::int) n, LATERAL (SELECT timestamptz '2026-01-01' + n * interval '1.000001 s' AS at) t`, rows); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	_, err = conn.Exec(ctx, "VACUUM ANALYZE items")
	return err
}

// connections is how many connections a database has had. PostgreSQL counts one
// for sure when it has ended.
func (s *server) connections(ctx context.Context, id string) (n int64, err error) {
	for { // those that are ending
		var open int
		if err := s.conn.QueryRow(ctx, "SELECT count(*) FROM pg_stat_activity WHERE datname = $1", "bench_"+id).Scan(&open); err != nil {
			return 0, err
		}
		if open == 0 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	err = s.conn.QueryRow(ctx, "SELECT sessions FROM pg_stat_database WHERE datname = $1", "bench_"+id).Scan(&n)
	return n, err
}

func (s *server) version(ctx context.Context) (version string, err error) {
	err = s.conn.QueryRow(ctx, "SELECT split_part(version(), ' ', 2)").Scan(&version)
	return version, err
}
