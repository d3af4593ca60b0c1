package db_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"testing"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/devdb"
)

// TestExamine_Indexes: one that a statement without a transaction has left behind.
func TestExamine_Indexes(t *testing.T) {
	t.Parallel()
	database := dbtest.Things(t)
	dbtest.Exec(t, database, "INSERT INTO test_things (title, link) VALUES ('a', 'b'), ('a', 'b')")
	conn := dbtest.Connect(t, database)
	if _, err := conn.Exec(t.Context(), "CREATE UNIQUE INDEX CONCURRENTLY half_made ON test_things (title)"); err == nil {
		t.Fatal("two rows are the same, and the index was made")
	}
	examine(t, doctorOptions(database), db.Surroundings{}).wants(t, "indexes", db.Warn, "invalid: half_made")
	dbtest.Exec(t, database, "DROP INDEX half_made")
	examine(t, doctorOptions(database), db.Surroundings{}).wants(t, "indexes", db.Sound, "")
}

// TestExamine_Encoding: a database that holds bytes and not texts.
func TestExamine_Encoding(t *testing.T) {
	t.Parallel()
	database := dbtest.Empty(t)
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	name := u.Path[1:] + "_ascii"
	dbtest.Exec(t, database, fmt.Sprintf("CREATE DATABASE %s TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'", name))
	u.Path = "/" + name
	examine(t, doctorOptions(u.String()), db.Surroundings{}).wants(t, "encoding", db.Warn, "SQL_ASCII")
	dbtest.Exec(t, database, "DROP DATABASE "+name)
}

// TestExamine_Standby starts a server as a standby whose primary is away.
func TestExamine_Standby(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "standby-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the server does not run as root
		t.Fatal(err)
	}
	home := devdb.Options{Dir: dir}
	server, err := devdb.Start(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	examine(t, doctorOptions(server.URL()), db.Surroundings{}).wants(t, "replication", db.Sound, "the primary")
	dbtest.Exec(t, server.URL(), "COPY (SELECT) TO PROGRAM 'cat >standby.signal'")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*poolPatience)
	defer cancel()
	if err := server.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if server, err = devdb.Start(t.Context(), home); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := server.Stop(ctx); err != nil {
			t.Error(err)
		}
	}()
	examine(t, doctorOptions(server.URL()), db.Surroundings{}).wants(t, "replication", db.Fail, "a standby")
}
