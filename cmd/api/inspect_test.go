package main

import (
	"net/http"
	"strings"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestInspector is served in dev on loopback, where the start says so, and nowhere else: other machines, and the clients
// of production, find what they find at any unknown path.
func TestInspector(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		environment, host string
		served            bool
	}{
		"dev":           {"dev", "", true},
		"dev, open":     {"dev", "0.0.0.0", false},
		"test":          {"test", "", false},
		"in production": {"production", "127.0.0.1", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, map[string]string{"DATABASE_URL": dbtest.Things(t), "ENVIRONMENT": test.environment, "HOST": test.host, "SHUTDOWN_DELAY": "0"})
			url := strings.Replace(p.url(), "[::]", "127.0.0.1", 1)
			if test.served {
				if link := p.await(`last requests: (http://\S+)`)[1]; link != url+"/dev/requests" {
					t.Errorf("it says %s", link)
				}
			}
			get(t, url+"/things")
			page, unknown := get(t, url+"/dev/requests"), get(t, url+"/dev/unknown")
			want := unknown.status
			if test.served {
				want = http.StatusOK
			}
			if page.status != want || strings.Contains(page.body, "SELECT") != test.served {
				t.Errorf("%d %s", page.status, page.body)
			}
		})
	}
}
