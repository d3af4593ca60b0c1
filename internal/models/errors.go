package models

import "errors"

// The errors that every resource's queries share.
var (
	ErrNotFound = errors.New("no such row")
	ErrModified = errors.New("the row is no longer at the given version")
)
