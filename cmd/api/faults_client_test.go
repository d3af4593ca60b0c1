//go:build faults

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// errNoServer is what a client gets where nobody listens.
var errNoServer = errors.New("dial")

// wireClient speaks HTTP over one connection and opens the next only when the
// answer has said so: net/http's client would repeat what a server has lost, and
// so hide it.
type wireClient struct {
	address string
	headers string // lines that each request has beside the usual ones
	conn    net.Conn
	reader  *bufio.Reader
}

func (c *wireClient) do(method, path, body string) (answer, error) {
	if err := c.send(method, path, body); err != nil {
		return answer{}, err
	}
	a, err := c.receive(method)
	if err != nil || a.close {
		c.hangUp()
	}
	return a, err
}

func (c *wireClient) send(method, path, body string) error {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.address, patience)
		if err != nil {
			return fmt.Errorf("%w: %w", errNoServer, err)
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
	}
	_ = c.conn.SetDeadline(time.Now().Add(patience))
	const head = "%s %s HTTP/1.1\r\nHost: api\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s"
	if _, err := fmt.Fprintf(c.conn, head, method, path, len(body), c.headers, body); err != nil {
		c.hangUp()
		return fmt.Errorf("send %s %s: %w", method, path, err)
	}
	return nil
}

func (c *wireClient) receive(method string) (answer, error) {
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		return answer{}, fmt.Errorf("answer to %s: %w", method, err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("body of the answer to %s: %w", method, err)
	}
	return answer{response.StatusCode, response.Header, response.Close, string(body)}, nil
}

func (c *wireClient) hangUp() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// causes are words that only the log may show.
var causes = []string{"SQLSTATE", "pgx", "postgres", "dial", "refused", "reset by", "EOF", "FATAL", "ERROR", "context", "timeout:", "terminat", "COMMIT"}

// requestIDs are random letters, which may happen to be one of those words.
var requestIDs = regexp.MustCompile(`"request_id":"\w+"`)

// telling returns the word by which an answer tells its cause, if it does.
func telling(a answer) string {
	body := requestIDs.ReplaceAllString(a.body, "")
	for _, word := range causes {
		if a.status >= http.StatusInternalServerError && strings.Contains(body, word) {
			return word
		}
	}
	return ""
}
