package dbtest

import (
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// message is what both ends of a line send.
type message interface {
	Encode(dst []byte) ([]byte, error)
}

// isCommit recognises COMMIT sent as a simple query, which is how pgx sends it.
func isCommit(m message) bool {
	query, ok := m.(*pgproto3.Query)
	return ok && strings.EqualFold(strings.TrimRight(query.String, ";"), "commit")
}

// questions passes on what the client sends.
func (l *line) questions(client *pgproto3.Backend, server io.Writer) {
	for {
		question, err := client.Receive()
		if err != nil {
			return
		}
		if isCommit(question) {
			if l.proxy.cut(BeforeCommit) {
				l.reset()
				return
			}
			l.committing.Store(l.proxy.cut(AfterCommit))
		}
		data, err := question.Encode(nil)
		if err != nil {
			return
		}
		l.proxy.sent[data[0]].Add(1)
		if !l.pass(server, data) {
			return
		}
	}
}

// answers passes on what the server sends.
func (l *line) answers(client *pgproto3.Backend, server *pgproto3.Frontend) {
	for {
		answer, err := server.Receive()
		if err != nil {
			return
		}
		if l.committing.Load() {
			l.reset()
			return
		}
		switch answer.(type) {
		case pgproto3.AuthenticationResponseMessage: // the client's next message has no type of its own
			_ = client.SetAuthType(server.GetAuthType())
		case *pgproto3.DataRow:
			if l.proxy.cut(InAnswer) {
				row, _ := answer.Encode(nil)
				l.pass(l.client, row[:len(row)/2])
				l.reset()
				return
			}
		case *pgproto3.ReadyForQuery:
			l.proxy.roundTrips.Add(1)
			time.Sleep(time.Duration(l.proxy.latency.Load()))
		}
		if !l.send(l.client, answer) {
			return
		}
	}
}

// send passes one message on.
func (l *line) send(to io.Writer, m message) bool {
	data, err := m.Encode(nil)
	return err == nil && l.pass(to, data)
}
