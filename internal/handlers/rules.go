package handlers

import (
	"fmt"
	"unicode"
)

// lineFault is for texts of one line, such as titles. Control characters move a
// terminal's cursor and split a log's line; overrides make a text read other than
// it is. The marks that languages written from right to left need (U+061C, U+200E,
// U+200F), and the joiners of emoji and Indic scripts, are no fault.
func lineFault(text string) string {
	seen, blank := false, true
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Zl, unicode.Zp) || r == '\n' || r == '\r':
			return fmt.Sprintf("must be one line, without %U", r)
		case unicode.IsControl(r):
			return fmt.Sprintf("must not contain the control character %U", r)
		case turns(r):
			return fmt.Sprintf("must not contain %U, which turns the direction of writing", r)
		}
		seen = seen || !unicode.IsSpace(r) && !invisible(r)
		blank = blank && unicode.IsSpace(r)
	}
	switch {
	case seen:
		return ""
	case blank:
		return "must not be only white space"
	default:
		return "must not be only invisible characters"
	}
}

// turns tells of embeddings, overrides and isolates of the direction of writing.
func turns(r rune) bool {
	const arabicMark, leftToRightMark, rightToLeftMark = '\u061c', '\u200e', '\u200f'
	return unicode.Is(unicode.Bidi_Control, r) && r != arabicMark && r != leftToRightMark && r != rightToLeftMark
}

// invisible tells of what Unicode has fonts show nothing for: its property
// Default_Ignorable_Code_Point, and the format characters (Cf) that mark places
// in a text. Signs that enclose digits are of Cf, too, and can be seen.
func invisible(r rune) bool {
	if unicode.Is(unicode.Prepended_Concatenation_Mark, r) || r >= 0x13430 && r <= 0x1343f { // joiners of hieroglyphs are drawn
		return false
	}
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
