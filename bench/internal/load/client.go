package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
)

// readBuffer is what a client keeps of an answer at once: an answer of any size
// passes through it and is dropped, so that the load's memory, and with it its
// share of the processors, does not depend on what is served.
const readBuffer = 16 << 10

var errMalformed = errors.New("malformed answer")

// client is one keep-alive connection with one request at a time. It is not
// net/http's, whose work for each request would be taken from the service's
// processors.
type client struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
	out     []byte // the request
	last    bool   // the server said that it closes the connection
}

func dial(address string) (*client, error) {
	c := &client{address: address, in: newReader(nil)}
	return c, c.connect()
}

func newReader(from io.Reader) *bufio.Reader { return bufio.NewReaderSize(from, readBuffer) }

func (c *client) connect() (err error) {
	c.close()
	if c.conn, err = net.Dial("tcp", c.address); err == nil {
		c.in.Reset(c.conn)
		c.last = false
	}
	return err
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
	}
}

// do sends the request in c.out and reads the whole answer.
func (c *client) do() (status int, err error) {
	if c.last {
		if err := c.connect(); err != nil {
			return 0, err
		}
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return 0, err
	}
	status, err = c.readAnswer()
	c.last = c.last || err != nil
	return status, err
}

func (c *client) readAnswer() (status int, err error) {
	line, err := c.line()
	if err != nil {
		return 0, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, fmt.Errorf("%w: %q", errMalformed, line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, fmt.Errorf("%w: %q", errMalformed, line)
	}
	length, err := c.readHeaders()
	switch {
	case err != nil:
		return status, err
	case status == 204 || status == 304:
		return status, nil
	case length == chunked:
		return status, c.dropChunks()
	case length == unknown:
		return status, fmt.Errorf("%w: no length", errMalformed)
	}
	return status, c.drop(length)
}

// Lengths that are none.
const (
	unknown = -1
	chunked = -2
)

func (c *client) readHeaders() (length int, err error) {
	length = unknown
	for {
		line, err := c.line()
		if err != nil || len(line) == 0 {
			return length, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, fmt.Errorf("%w: %q", errMalformed, line)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			length = chunked
		case bytes.EqualFold(name, []byte("Connection")):
			c.last = bytes.EqualFold(value, []byte("close"))
		}
	}
}

func (c *client) dropChunks() error {
	for {
		line, err := c.line()
		if err != nil {
			return err
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return fmt.Errorf("%w: chunk %q", errMalformed, line)
		}
		if size == 0 {
			_, err = c.line() // no trailers come
			return err
		}
		if err := c.drop(int(size) + len("\r\n")); err != nil {
			return err
		}
	}
}

func (c *client) drop(n int) error {
	_, err := c.in.Discard(n)
	return err
}

// line returns the next line without its end. It is good until the next read.
func (c *client) line() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return bytes.TrimRight(line, "\r\n"), err
}
