package load

import (
	"fmt"
	"math/rand/v2"
	"strconv"
)

// Work is a kind of request.
type Work string

// The kinds. Each touches one of the rows 1 to Rows at random, or the newest.
const (
	Get    Work = "get"
	List   Work = "list"
	Create Work = "create"
	Patch  Work = "patch"
)

// Works are all kinds, in the order of the report.
var Works = []Work{Get, List, Create, Patch}

// status is the only one that counts as an answer.
func (w Work) status() (int, error) {
	switch w {
	case Get, List, Patch:
		return 200, nil
	case Create:
		return 201, nil
	}
	return 0, fmt.Errorf("no such work: %q", w)
}

const createBody = `{"title":"Interview","audio_url":"https://example.com/a.wav","language":"en"}`

// request writes the next request into buf.
func (w Work) request(buf []byte, host string, rows int, rng *rand.Rand) []byte {
	id := int64(1 + rng.IntN(rows))
	switch w {
	case Get:
		return end(item(buf[:0], "GET", id), host, "")
	case List:
		return end(append(buf[:0], "GET /items"...), host, "")
	case Create:
		return end(append(buf[:0], "POST /items"...), host, createBody)
	default:
		title := strconv.AppendInt([]byte(`{"title":"Interview `), rng.Int64(), 10)
		return end(item(buf[:0], "PATCH", id), host, string(append(title, `"}`...)))
	}
}

func item(buf []byte, method string, id int64) []byte {
	return strconv.AppendInt(append(append(buf, method...), " /items/"...), id, 10)
}

func end(buf []byte, host, body string) []byte {
	buf = append(append(append(buf, " HTTP/1.1\r\nHost: "...), host...), "\r\n"...)
	if body != "" {
		buf = append(buf, "Content-Type: application/json\r\nContent-Length: "...)
		buf = append(strconv.AppendInt(buf, int64(len(body)), 10), "\r\n"...)
	}
	return append(append(buf, "\r\n"...), body...)
}
