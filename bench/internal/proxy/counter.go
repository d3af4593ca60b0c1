package proxy

import "encoding/binary"

// counter finds the messages in one direction of a connection, however they are
// cut into pieces.
type counter struct {
	startup bool // the next message is the client's first, which has no type
	head    []byte
	rest    int // bytes of the present message that are still to come
	found   func(kind byte)
}

func (c *counter) feed(data []byte) {
	for len(data) > 0 {
		if c.rest > 0 {
			n := min(c.rest, len(data))
			c.rest, data = c.rest-n, data[n:]
			continue
		}
		size := 5
		if c.startup {
			size = 4
		}
		n := min(size-len(c.head), len(data))
		c.head, data = append(c.head, data[:n]...), data[n:]
		if len(c.head) == size {
			c.message()
		}
	}
}

// message takes the head of a message: its length counts itself, not the type.
func (c *counter) message() {
	if c.startup {
		c.startup = false
	} else {
		c.found(c.head[0])
	}
	c.rest = int(binary.BigEndian.Uint32(c.head[len(c.head)-4:])) - 4
	c.head = c.head[:0]
}
