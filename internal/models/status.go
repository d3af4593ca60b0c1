package models

import "fmt"

// Status is where an item stands on its way to a transcript.
type Status string

// The statuses of an item.
const (
	Pending    Status = "pending"
	Processing Status = "processing"
	Processed  Status = "processed"
	Failed     Status = "failed"
)

// Statuses lists them all.
var Statuses = []Status{Pending, Processing, Processed, Failed}

// Values is for those who check or describe a status.
func (Status) Values() []Status { return Statuses }

// before returns the statuses from which an item may move to s. Staying where
// it is is no move: that is how one of two workers learns that it came second.
func (s Status) before() []Status {
	switch s {
	case Processing:
		return []Status{Pending}
	case Processed, Failed:
		return []Status{Processing}
	case Pending:
		return []Status{Failed}
	default:
		return nil
	}
}

// StatusError says that an item may not move to the status asked for.
type StatusError struct{ From, To Status }

func (e *StatusError) Error() string {
	return fmt.Sprintf("status may not change from %s to %s", e.From, e.To)
}
