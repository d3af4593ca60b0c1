package dbtest

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"
	"testing"
)

// Log keeps what is logged, as JSON lines. It can be read while it is written.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Lines returns the lines whose message begins with msg.
func (l *Log) Lines(t testing.TB, msg string) (found []map[string]any) {
	t.Helper()
	for line := range strings.Lines(l.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if text, _ := entry["msg"].(string); strings.HasPrefix(text, msg) {
			found = append(found, entry)
		}
	}
	return found
}
