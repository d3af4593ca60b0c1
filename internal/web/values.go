package web

import "time"

// Nullable is a member that can be absent, null or a value: other types refuse
// null. Its zero value is absent.
type Nullable[T any] struct {
	Given bool
	Value *T // nil: null
}

// hold makes room for the member of a request, null until it gets a value.
func (n *Nullable[T]) hold() any {
	n.Given = true
	return &n.Value
}

type holder interface{ hold() any }

// Change is nil if the member was absent, and points to nil if it was null.
func (n Nullable[T]) Change() **T {
	if !n.Given {
		return nil
	}
	return &n.Value
}

// IsZero reports that the member was absent, for omitzero.
func (n Nullable[T]) IsZero() bool { return !n.Given }

// MarshalJSON writes the value or null.
func (n Nullable[T]) MarshalJSON() ([]byte, error) { return Marshal(n.Value) }

// Described is a text type that tells the document and the client its form.
type Described interface {
	// Describe returns a JSON Schema format, a pattern ("": none) and an example.
	Describe() (format, pattern, example string)
}

// Date is a day, as PostgreSQL's date: 2026-11-22.
type Date time.Time

// MarshalText implements encoding.TextMarshaler.
func (d Date) MarshalText() ([]byte, error) {
	return time.Time(d).AppendFormat(nil, time.DateOnly), nil
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Date) UnmarshalText(text []byte) error {
	day, err := time.Parse(time.DateOnly, string(text))
	*d = Date(day)
	return err
}

// Describe implements Described.
func (Date) Describe() (format, pattern, example string) { return "date", "", "2026-11-22" }

// Timestamp prints UTC with all six digits of PostgreSQL's microseconds, so
// that a row's time has the same bytes in every answer. Requests use time.Time.
type Timestamp time.Time

// MarshalText implements encoding.TextMarshaler.
func (t Timestamp) MarshalText() ([]byte, error) { return t.AppendText(nil) }

// AppendText implements encoding.TextAppender, for JSON that is written in place.
func (t Timestamp) AppendText(text []byte) ([]byte, error) {
	return time.Time(t).UTC().AppendFormat(text, "2006-01-02T15:04:05.000000Z"), nil
}

// Describe implements Described.
func (Timestamp) Describe() (format, pattern, example string) {
	return "date-time", `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$`, "2026-11-22T22:23:00.123456Z"
}
