package db

import (
	"net"
	"strings"
	"testing"
	"time"
)

// TestFindings are those that no server at hand can give.
func TestFindings(t *testing.T) {
	t.Parallel()
	far, near, socket := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 5)}, &net.TCPAddr{IP: net.IPv6loopback}, &net.UnixAddr{}
	now := time.Date(2026, time.November, 29, 0, 0, 0, 0, time.UTC)
	bounced, direct := &doctor{opts: Options{PgBouncer: true}}, &doctor{}
	for _, test := range []struct {
		got    Finding
		status Verdict
		detail string
	}{
		{tlsFinding(far, "", false), Warn, "can be read on the way"},
		{tlsFinding(far, "TLS 1.3", false), Warn, "nobody checks whose certificate it is"},
		{tlsFinding(far, "TLS 1.3", true), Sound, "TLS 1.3"},
		{tlsFinding(near, "", false), Sound, "none needed"},
		{tlsFinding(near, "TLS 1.2", false), Sound, "TLS 1.2"},
		{tlsFinding(socket, "", false), Sound, "none needed"},
		{versionFinding(11, "11.22", now), Fail, "PostgreSQL 11.22 is too old"},
		{versionFinding(13, "13.23", now), Warn, "no security updates since November 2025"},
		{versionFinding(14, "14.20", now), Sound, "PostgreSQL 14.20"},
		{versionFinding(14, "14.20", now.AddDate(0, 0, 5)), Warn, "since November 2026"},
		{versionFinding(25, "25.0", now), Sound, "PostgreSQL 25.0"},
		{clockFinding(200*time.Millisecond, time.Millisecond), Sound, "200ms ahead of this"},
		{clockFinding(-3*time.Second, time.Millisecond), Warn, "is 3s behind this"},
		{clockFinding(3*time.Second, time.Millisecond), Warn, "3s ahead"},
		{clockFinding(3*time.Second, 2500*time.Millisecond), Sound, "give or take 2.5s"}, // the way there may be all of it
		{direct.poolerFinding(true, true), Warn, "prepared statements work"},
		{direct.poolerFinding(true, false), Fail, "prepared statements do not work"},
		{bounced.poolerFinding(true, false), Sound, "as DB_PGBOUNCER says"},
	} {
		if test.got.Status != test.status || !strings.Contains(test.got.Detail, test.detail) {
			t.Errorf("%+v, want %s: %s", test.got, test.status, test.detail)
		}
	}
}
