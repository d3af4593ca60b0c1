package app

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// claim is what one request wants to do once.
type claim struct {
	scope   []byte // digest of caller, method and route
	key     string
	request []byte // digest of path, query and body
	lock    int64  // of the advisory lock: a digest of scope and key
	ttl     time.Duration
}

// storedAnswer is the answer to the first request with a key.
type storedAnswer struct {
	Request []byte
	Status  int
	Headers []byte
	Body    []byte
}

const (
	lockSQL = `SELECT pg_try_advisory_xact_lock(?)`

	// A row that is too old, or was committed without an answer by a handler that
	// ended the transaction itself, counts as not there.
	// GORM makes a list of bytes that follow a parenthesis, so the key comes first.
	takeSQL = `INSERT INTO idempotency_keys (key, scope, request) VALUES (?, ?, ?)
ON CONFLICT (scope, key) DO UPDATE
SET request = excluded.request, created_at = excluded.created_at, status = NULL, headers = NULL, body = NULL
WHERE idempotency_keys.status IS NULL OR idempotency_keys.created_at <= now() - make_interval(secs => ?)`

	// The row lock makes this transaction one that writes: its COMMIT waits, like
	// that of the first request, until a synchronous standby has all that was
	// written until then. Without it the repeat could promise what a failover loses.
	findSQL = `SELECT request, status, headers, body FROM idempotency_keys
WHERE scope = ? AND key = ? AND status IS NOT NULL AND created_at > now() - make_interval(secs => ?)
FOR KEY SHARE SKIP LOCKED`

	storeSQL = `UPDATE idempotency_keys SET status = ?, headers = ?, body = ? WHERE scope = ? AND key = ?`
)

// take claims the key for this transaction, or returns the answer of the request
// that has used it. While that one runs the error is keyBusy: its lock ends with
// its transaction, so whoever gets it sees what was committed. A snapshot older
// than that COMMIT, which isolation levels above READ COMMITTED can have, makes
// the INSERT a serialization failure before the handler has seen anything.
func (k *claim) take(ctx context.Context, tx *gorm.DB) (*storedAnswer, error) {
	tx = tx.WithContext(ctx)
	var locked bool
	if err := tx.Raw(lockSQL, k.lock).Scan(&locked).Error; err != nil {
		return nil, fmt.Errorf("lock idempotency key: %w", err)
	}
	if locked {
		taken := tx.Exec(takeSQL, k.key, k.scope, k.request, k.ttl.Seconds())
		if taken.Error != nil {
			return nil, fmt.Errorf("take idempotency key: %w", taken.Error)
		}
		if taken.RowsAffected == 1 {
			return nil, nil
		}
	}
	var earlier []storedAnswer // at most one
	if err := tx.Raw(findSQL, k.scope, k.key, k.ttl.Seconds()).Scan(&earlier).Error; err != nil {
		return nil, fmt.Errorf("find idempotency key: %w", err)
	}
	if len(earlier) == 0 {
		return nil, keyBusy()
	}
	return &earlier[0], nil
}

// store keeps the answer beside the key that take has claimed.
func (k *claim) store(ctx context.Context, tx *gorm.DB, status int, headers, body []byte) error {
	// Without bytes they are empty, not NULL.
	headers, body = append([]byte{}, headers...), append([]byte{}, body...)
	stored := tx.WithContext(ctx).Exec(storeSQL, status, headers, body, k.scope, k.key)
	if stored.Error != nil {
		return fmt.Errorf("store answer: %w", stored.Error)
	}
	if stored.RowsAffected != 1 {
		return fmt.Errorf("store answer: the key is gone: %d rows", stored.RowsAffected)
	}
	return nil
}

// notStored are headers that belong to one answer on one connection.
var notStored = map[string]bool{
	"Connection": true, "Content-Length": true, "Date": true, "Keep-Alive": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "X-Request-Id": true, replayedHeader: true,
}

// ownHeaders are those that the handler has set, as lines: what was there before
// (CORS, say) is for each request to be set anew.
func ownHeaders(before, after http.Header) []byte {
	own := maps.Clone(after)
	maps.DeleteFunc(own, func(name string, values []string) bool { return slices.Equal(values, before[name]) })
	var lines bytes.Buffer
	_ = own.WriteSubset(&lines, notStored) // a buffer takes everything
	return lines.Bytes()
}

// addHeaders puts the lines of ownHeaders into a header.
func addHeaders(header http.Header, lines []byte) {
	own := http.Header{}
	for line := range strings.SplitSeq(string(lines), "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			own[name] = append(own[name], value)
		}
	}
	maps.Copy(header, own)
}
