package web

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"

	"example.com/transcription-api/internal/db/query"
)

// checkBytes is the length of a cursor's check sum, which tells apart one that
// was given out from one that was cut, mistyped or is another list's. It is no
// secret and grants nothing.
const checkBytes = 8

// FormatCursor returns the cursor of the page after the row with this key, and
// nil where there is none. It is good for every instance and for ever.
func FormatCursor[V any](list string, key *query.Key[V]) (*string, error) {
	if key == nil {
		return nil, nil
	}
	text, err := Marshal(key)
	if err != nil {
		return nil, err
	}
	return new(base64.RawURLEncoding.EncodeToString(append(text, checkSum(list, text)...))), nil
}

// ParseCursor returns the key in a cursor that FormatCursor has made for the
// same list, or nil for the first page, which has none. The error is a 422.
func ParseCursor[V any](list, cursor string) (*query.Key[V], error) {
	if cursor == "" {
		return nil, nil
	}
	refused := Broken("A query parameter is not allowed.", FieldError{Field: "cursor", Message: "must be the next_cursor of an earlier page"})
	raw, err := base64.RawURLEncoding.DecodeString(cursor) // skips line breaks, hence the comparison of lengths
	if err != nil || len(raw) <= checkBytes || len(cursor) != base64.RawURLEncoding.EncodedLen(len(raw)) {
		return nil, refused
	}
	text, sum := raw[:len(raw)-checkBytes], raw[len(raw)-checkBytes:]
	var key query.Key[V]
	if subtle.ConstantTimeCompare(checkSum(list, text), sum) == 0 || readAny(text, &key) != nil {
		return nil, refused
	}
	return &key, nil
}

func checkSum(list string, key []byte) []byte {
	sum := sha256.Sum256(append([]byte("cursor "+list+" "), key...))
	return sum[:checkBytes]
}
