package dbtest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"time"
)

// readStartup reads the first message of a client, the only one without a type.
func readStartup(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(4)
	if err != nil {
		return nil, err
	}
	message := make([]byte, max(8, binary.BigEndian.Uint32(head)))
	_, err = io.ReadFull(r, message)
	return message, err
}

// isCancel recognises a request to cancel a statement.
func isCancel(startup []byte) bool { return binary.BigEndian.Uint32(startup[4:8]) == 80877102 }

// isSession tells a log-in from a request for TLS, which follows rules of its own.
func isSession(startup []byte) bool {
	const version3 = 3
	return binary.BigEndian.Uint16(startup[4:6]) == version3
}

// readMessage reads one message: its type, its length without the type, its content.
func readMessage(r *bufio.Reader) ([]byte, error) {
	head, err := r.Peek(5)
	if err != nil {
		return nil, err
	}
	message := make([]byte, 1+binary.BigEndian.Uint32(head[1:]))
	_, err = io.ReadFull(r, message)
	return message, err
}

// isCommit recognises COMMIT sent as a simple query, which is how pgx sends it.
func isCommit(message []byte) bool {
	return message[0] == 'Q' && bytes.EqualFold(bytes.TrimRight(message[5:], ";\x00"), []byte("commit"))
}

// questions passes on what the client sends.
func (l *line) questions(server io.Writer) {
	for {
		message, err := readMessage(l.fromClient)
		if err != nil {
			return
		}
		if isCommit(message) {
			if l.proxy.cut(BeforeCommit) {
				l.reset()
				return
			}
			l.committing.Store(l.proxy.cut(AfterCommit))
		}
		if !l.pass(server, message) {
			return
		}
	}
}

// answers passes on what the server sends.
func (l *line) answers(server *bufio.Reader) {
	for {
		message, err := readMessage(server)
		if err != nil {
			return
		}
		if l.committing.Load() {
			l.reset()
			return
		}
		switch message[0] {
		case 'D': // a row
			if l.proxy.cut(InAnswer) {
				l.pass(l.client, message[:len(message)/2])
				l.reset()
				return
			}
		case 'Z': // ready for the next query
			l.proxy.roundTrips.Add(1)
			time.Sleep(time.Duration(l.proxy.latency.Load()))
		}
		if !l.pass(l.client, message) {
			return
		}
	}
}
