//go:build unix

package db_test

import (
	"fmt"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/devdb"
)

// poolPasswordServer is the URL of a server that asks for a password, with a wrong one; its socket asks for none.
func poolPasswordServer(t *testing.T) (wrongPassword, socket string) {
	t.Helper()
	port := dbtest.FreePort(t)
	server := dbtest.Server(t, devdb.Options{Port: port})
	return fmt.Sprintf("postgres://postgres:hunter2@127.0.0.1:%d/%s?sslmode=disable", port, devdb.DefaultDatabase), server.URL()
}
