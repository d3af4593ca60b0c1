package db_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/db"
	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/devdb"
)

// sessionOverTLS starts a server that takes TLS over TCP, and returns a URL that demands it.
func sessionOverTLS(t *testing.T) (target string) {
	t.Helper()
	server := dbtest.Server(t, devdb.Options{Port: dbtest.FreePort(t)})
	certificate, key := sessionCertificate(t)
	for file, text := range map[string]string{"server.crt": certificate, "server.key": key} { // the server's user must own them
		dbtest.Exec(t, server.URL(), fmt.Sprintf("COPY (SELECT unnest(string_to_array('%s', chr(10)))) TO PROGRAM 'umask 077; cat > %s'", text, file))
	}
	dbtest.Exec(t, server.URL(), "ALTER SYSTEM SET ssl = on")
	dbtest.Exec(t, server.URL(), "SELECT pg_reload_conf()")
	target = strings.Replace(server.TCPURL(), "sslmode=disable", "sslmode=require", 1)
	dbtest.Eventually(t, "the server takes TLS", func() bool {
		return db.TestConnection(t.Context(), sessionOptions(t, target, new(dbtest.Log)), 1, 0) == nil
	})
	return target
}

// sessionCertificate makes one for a server that nobody checks.
func sessionCertificate(t *testing.T) (certificate, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	sessionMust(t, err)
	plain := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	signed, err := x509.CreateCertificate(rand.Reader, plain, plain, &secret.PublicKey, secret)
	sessionMust(t, err)
	packed, err := x509.MarshalPKCS8PrivateKey(secret)
	sessionMust(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: packed}))
}

// TestSessionCancelOverTLS: the server's goodbye comes encrypted. It counts as well: a caller that leaves costs no connection.
func TestSessionCancelOverTLS(t *testing.T) {
	t.Parallel()
	target := sessionOverTLS(t)
	dbtest.Exec(t, target, "CREATE TABLE test_things (title text, link text)")
	conn := sessionOpenAt(t, target, new(dbtest.Log), sessionPool(1, 0))
	kept := 0
	for range 10 { // a machine so slow that a cancel takes half a second loses some rightly
		left := sessionGoneInAStatement(t, conn, target)
		s, tx := sessionNew(t, conn, t.Context())
		if sessionPID(t, tx) == left {
			kept++
		}
		s.Rollback()
	}
	if kept < 5 {
		t.Errorf("the connection was kept after %d of 10 cancels", kept)
	}
}
