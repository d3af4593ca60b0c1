package dbtest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"sync"

	"github.com/jackc/pgx/v5"

	"example.com/transcription-api/internal/db"
)

// templates remembers what this process has seen to already. The key is the server, the value a func() (string, error).
var templates sync.Map

// migratedTemplate returns the name of a database with all migrations, which is made once for each server and state of the
// migrations. The maker's context is that of the first test that asks; the others wait for it.
func migratedTemplate(ctx context.Context, server string) (string, error) {
	once, _ := templates.LoadOrStore(server, sync.OnceValues(func() (string, error) {
		return makeTemplate(context.WithoutCancel(ctx), server, db.Migrations(), migrateUp)
	}))
	return once.(func() (string, error))()
}

// migrateFunc applies migrations to the database at a URL.
type migrateFunc func(ctx context.Context, url string) error

func migrateUp(ctx context.Context, url string) error {
	migrator, err := db.NewMigrator(db.Options{URL: url})
	if err != nil {
		return err
	}
	_, err = migrator.Up(ctx)
	return errors.Join(err, migrator.Close())
}

// templateLock is the key of the advisory lock under which templates are made: the test packages are processes that run
// at the same time. Any number that nobody else uses in the server's own database will do.
const templateLock = 5308612487

func makeTemplate(ctx context.Context, server string, migrations fs.FS, migrate migrateFunc) (string, error) {
	name, err := templateName(migrations)
	if err != nil {
		return "", err
	}
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return "", err
	}
	defer closeConn(conn) // gives up the lock
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", templateLock); err != nil {
		return "", err
	}
	finished, err := isFinished(ctx, conn, name)
	if err != nil || finished {
		return name, err
	}
	return name, build(ctx, conn, server, name, migrate)
}

// isFinished tells whether the template is there and complete; build marks it so as its last step.
func isFinished(ctx context.Context, conn *pgx.Conn, name string) (finished bool, err error) {
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1 AND datistemplate)", name).Scan(&finished)
	return finished, err
}

// build makes the template anew: what is there under its name is half made, by a run that was cut off.
func build(ctx context.Context, conn *pgx.Conn, server, name string, migrate migrateFunc) error {
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)"); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+quote(name)+" TEMPLATE template0"); err != nil {
		return err
	}
	url, err := withDatabase(server, name)
	if err != nil {
		return err
	}
	if err := migrate(ctx, url); err != nil {
		return err
	}
	// Nobody may connect from here on: a database with a connection can not be cloned.
	_, err = conn.Exec(ctx, "ALTER DATABASE "+quote(name)+" WITH IS_TEMPLATE true ALLOW_CONNECTIONS false")
	return err
}

// templateName has a digest of the migrations in it: a changed file makes a new template.
func templateName(migrations fs.FS) (string, error) {
	digest := sha256.New()
	err := fs.WalkDir(migrations, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return addFile(digest, migrations, path)
	})
	return fmt.Sprintf("template_%x", digest.Sum(nil)[:8]), err
}

func addFile(digest hash.Hash, files fs.FS, path string) error {
	text, err := fs.ReadFile(files, path)
	fmt.Fprintf(digest, "%q %d\n%s", path, len(text), text)
	return err
}

// cloneDatabase copies a template. PostgreSQL before 15 knows one way of doing so only, and no word for it.
func cloneDatabase(ctx context.Context, server, name, template string) error {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer closeConn(conn)
	var version int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return err
	}
	sql := "CREATE DATABASE " + quote(name) + " TEMPLATE " + quote(template)
	if version >= 150000 {
		sql += " STRATEGY file_copy"
	}
	_, err = conn.Exec(ctx, sql)
	return err
}
