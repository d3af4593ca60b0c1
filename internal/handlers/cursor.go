package handlers

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"time"

	"example.com/transcription-api/internal/models"
	"example.com/transcription-api/internal/web"
)

// A cursor is the key of a page's last row (microseconds, id) and a check sum,
// so that one which was not given out is told apart from one that was. It is no
// secret and grants nothing: it is good for every instance and for ever.
const (
	keyBytes   = 16
	checkBytes = 8
)

func formatCursor(key models.ItemKey) string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(key.CreatedAt.UnixMicro()))
	raw = binary.BigEndian.AppendUint64(raw, uint64(key.ID))
	return base64.RawURLEncoding.EncodeToString(append(raw, checkSum(raw)...))
}

// parseCursor returns nil for the first page, which has no cursor.
func parseCursor(cursor string) (*models.ItemKey, error) {
	if cursor == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor) // skips line breaks, hence the comparison of lengths
	if err != nil || len(raw) != keyBytes+checkBytes || len(cursor) != base64.RawURLEncoding.EncodedLen(len(raw)) || subtle.ConstantTimeCompare(checkSum(raw[:keyBytes]), raw[keyBytes:]) == 0 {
		return nil, web.Broken("A query parameter is not allowed.", web.FieldError{Field: "cursor", Message: "must be the next_cursor of an earlier page"})
	}
	return &models.ItemKey{
		CreatedAt: time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC(),
		ID:        int64(binary.BigEndian.Uint64(raw[8:])),
	}, nil
}

func checkSum(key []byte) []byte {
	sum := sha256.Sum256(append([]byte("items cursor 1 "), key...))
	return sum[:checkBytes]
}
