package db

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// wire is what a server sends, by message.
func wire(messages ...string) (all []byte) {
	for _, m := range messages {
		size := len(m) - 1 + 4
		all = append(all, m[0], byte(size>>24), byte(size>>16), byte(size>>8), byte(size))
		all = append(all, m[1:]...)
	}
	return all
}

// lineOver returns a line with BEGIN armed, and the server's end of it.
func lineOver(t *testing.T, b beginning) (*line, net.Conn) {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close(); server.Close() })
	wrapped, err := newLine(t.Context(), nil, client)
	if err != nil {
		t.Fatal(err)
	}
	l := wrapped.(*line)
	if err := l.arm(b, true, time.Minute); err != nil {
		t.Fatal(err)
	}
	return l, server
}

// TestLineTakesTheAnswerOut: whatever pieces the server's bytes come in, pgx reads what it would without BEGIN.
func TestLineTakesTheAnswerOut(t *testing.T) {
	t.Parallel()
	begin := []string{"1", "2", "CBEGIN\x00"}
	setting := []string{"1", "2", "D\x00\x01\x00\x00\x00\x01x", "CSELECT 1\x00"}
	statement := []string{"2", "D\x00\x00", "CSELECT 1\x00", "ZT"}
	notice := []string{"NSWARNING\x00\x00"}
	failure := []string{"ESERROR\x00\x00", "ZI"}
	for name, c := range map[string]struct {
		settings int
		sent     []string
		want     []string
		outcome  outcome
	}{
		"BEGIN":                     {0, slices.Concat(begin, statement), statement, begun},
		"BEGIN and a setting":       {1, slices.Concat(begin, setting, statement), statement, begun},
		"a notice in between":       {0, slices.Concat([]string{"1"}, notice, begin[1:], statement), slices.Concat(notice, statement), begun},
		"BEGIN is refused":          {0, slices.Concat([]string{"1", "2"}, failure), failure, refused},
		"a setting is refused":      {1, slices.Concat(begin, []string{"1", "2"}, failure), failure, refused},
		"the statement's own error": {0, slices.Concat(begin, failure), failure, begun},
	} {
		for _, piece := range []int{1, 2, 7, 4096} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := beginning{begin: "BEGIN"}
				for range c.settings {
					b.names, b.values = append(b.names, "app.tenant"), append(b.values, "green")
				}
				l, server := lineOver(t, b)
				go func() {
					server.Read(make([]byte, 4096)) // the whole write
					for part := range slices.Chunk(wire(c.sent...), piece) {
						server.Write(part)
					}
				}()
				if _, err := l.Write([]byte("statement")); err != nil {
					t.Fatal(err)
				}
				got := make([]byte, len(wire(c.want...)))
				if _, err := io.ReadFull(l, got); err != nil || !slices.Equal(got, wire(c.want...)) {
					t.Errorf("pieces of %d: read %q (%v), want %q", piece, got, err, wire(c.want...))
				}
				if reached := l.disarm(); reached != c.outcome {
					t.Errorf("pieces of %d: outcome %d, want %d", piece, reached, c.outcome)
				}
			})
		}
	}
}

// TestLineUnarmed: without a BEGIN to send, bytes pass as they are.
func TestLineUnarmed(t *testing.T) {
	t.Parallel()
	l, server := lineOver(t, beginning{begin: "BEGIN"})
	if reached := l.disarm(); reached != unsent {
		t.Errorf("outcome %d, want unsent", reached)
	}
	go func() {
		got := make([]byte, 4096)
		n, _ := server.Read(got)
		server.Write(got[:n])
	}()
	if _, err := l.Write([]byte("Q plain")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 7)
	if _, err := io.ReadFull(l, got); err != nil || string(got) != "Q plain" {
		t.Errorf("read %q, %v", got, err)
	}
}

// TestLineRefusesTheSimpleProtocol: after an error of BEGIN the server would wait for a Sync that never comes.
func TestLineRefusesTheSimpleProtocol(t *testing.T) {
	t.Parallel()
	l, _ := lineOver(t, beginning{begin: "BEGIN"})
	if _, err := l.Write([]byte("Q\x00\x00\x00\x05\x00")); err == nil {
		t.Error("BEGIN travelled with a simple query")
	}
}

// TestLineGivenUp: pgx may still read in the background when the statement has been given up.
func TestLineGivenUp(t *testing.T) {
	t.Parallel()
	l, server := lineOver(t, beginning{begin: "BEGIN"})
	go server.Read(make([]byte, 4096))
	if _, err := l.Write([]byte("statement")); err != nil {
		t.Fatal(err)
	}
	if reached := l.disarm(); reached != unanswered {
		t.Errorf("outcome %d, want unanswered", reached)
	}
	late := wire("ESFATAL\x00\x00")
	go server.Write(late)
	got := make([]byte, len(late))
	if _, err := io.ReadFull(l, got); err != nil || !slices.Equal(got, late) {
		t.Errorf("read %q, %v", got, err)
	}
}

// TestLineUnanswered: a BEGIN without an answer is given up at its limit, however short that is.
func TestLineUnanswered(t *testing.T) {
	t.Parallel()
	for range 100 {
		l, server := lineOver(t, beginning{begin: "BEGIN"})
		l.limit = time.Nanosecond
		go server.Read(make([]byte, 4096))
		_, _ = l.Write([]byte("statement"))
		if _, err := l.Read(make([]byte, 1)); err == nil {
			t.Fatal("the line was not cut")
		}
		if reached := l.disarm(); reached != unanswered {
			t.Errorf("outcome %d, want unanswered", reached)
		}
	}
}

// TestLineAnsweredAtTheLimit: the limit of a BEGIN that was answered, or of an
// earlier one, leaves the line alone.
func TestLineAnsweredAtTheLimit(t *testing.T) {
	t.Parallel()
	l, server := lineOver(t, beginning{begin: "BEGIN"})
	go io.Copy(io.Discard, server)
	for number := range 2 {
		if err := l.arm(beginning{begin: "BEGIN"}, true, time.Minute); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Write([]byte("statement")); err != nil {
			t.Fatal(err)
		}
		l.cut(number) // that of the one before
		if number == 1 {
			l.disarm()
			l.cut(number + 1) // its own, too late
		}
	}
	if _, err := l.Write([]byte("statement")); err != nil {
		t.Errorf("the line was cut: %v", err)
	}
}
