package query

import (
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// Versions says at which versions of a row its caller is willing to change it.
// The zero value: at any.
type Versions struct {
	Only []int64 // one of these, unless nil
	Not  []int64 // none of these
	None bool    // none at all: only if there is no row
}

func (v Versions) any() bool { return v.Only == nil && len(v.Not) == 0 && !v.None }

// check returns ErrModified or ErrExcluded for a version that is not wanted.
func (v Versions) check(version int64) error {
	switch {
	case v.Only != nil && !slices.Contains(v.Only, version):
		return ErrModified
	case v.None || slices.Contains(v.Not, version):
		return ErrExcluded
	default:
		return nil
	}
}

// where keeps a statement from rows at other versions. Each list is one
// parameter, however many versions a client may name.
func (v Versions) where(query *gorm.DB) *gorm.DB {
	if v.Only != nil {
		query = query.Where("version = ANY (string_to_array(?, ' ')::bigint[])", list(v.Only))
	}
	if len(v.Not) > 0 {
		query = query.Where("version <> ALL (string_to_array(?, ' ')::bigint[])", list(v.Not))
	}
	if v.None {
		query = query.Where("false")
	}
	return query
}

func list(versions []int64) string { return strings.Trim(fmt.Sprint(versions), "[]") }
