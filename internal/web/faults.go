package web

import (
	"errors"
	"strings"
	"time"
	"unicode"
)

// What is wrong with a text that is no number or no time: each way has its own
// sentence, so that the client need not guess.

// outOfRange is for numbers that their Go type has no room for.
func (s *Schema) outOfRange(below bool) string {
	switch {
	case below && s.low != "":
		return "must be at least " + s.low
	case below:
		return "is too small a number"
	case s.high != "":
		return "must be at most " + s.high
	default:
		return "is too large a number"
	}
}

// noNumber is for parameters; a body has passed as JSON, which has no such numbers.
func (s *Schema) noNumber(text string) string {
	must := "must be " + s.noun
	if s.json != "number" && s.json != "integer" {
		return must
	}
	name := strings.ToLower(strings.TrimLeft(text, "+-"))
	switch {
	case text == "":
		return must + ", not empty"
	case strings.ContainsFunc(text, unicode.IsSpace):
		return must + ", without white space"
	case s.json == "number" && strings.Contains(text, ","):
		return must + ", with a point and no comma"
	case strings.ContainsAny(text, ",_'"):
		return must + ", without separators"
	case name == "inf" || name == "infinity" || name == "nan":
		return must + ", and finite"
	case strings.HasPrefix(name, "0x") || strings.HasPrefix(name, "0b") || strings.HasPrefix(name, "0o"):
		return must + ", in decimal digits"
	default:
		return must
	}
}

// timeFault is for times and dates; "" if the error is of another type's.
func timeFault(err error) string {
	e, ok := errors.AsType[*time.ParseError](err)
	if !ok {
		return ""
	}
	field, outOfRange := strings.CutSuffix(strings.TrimPrefix(e.Message, ": "), " out of range")
	switch {
	case outOfRange:
		return ": the " + field + " is out of range"
	case e.LayoutElem == "Z07:00" && e.ValueElem == "":
		return ": the zone is missing"
	case e.LayoutElem == "Z07:00":
		return ": the zone must be Z or an offset, such as +01:00"
	case e.LayoutElem == "T" && e.ValueElem == "":
		return ": the time of day is missing"
	case e.LayoutElem == "T":
		return ": between date and time there must be a T"
	case e.LayoutElem == ":":
		return ": hour, minute and second must all be there"
	default:
		return ""
	}
}
