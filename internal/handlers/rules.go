package handlers

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/language"
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

// languageFault accepts tags of the registry, which BCP 47 writes with hyphens.
func languageFault(text string) string {
	const begin, end = "must be a BCP 47 language tag", ", such as en or pt-BR"
	_, err := language.Parse(text)
	unknown, isUnknown := errors.AsType[language.ValueError](err)
	other := strings.IndexFunc(text, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
	switch parts := strings.Split(text, "-"); {
	case text == "":
		return "must not be empty"
	case strings.Contains(text, "_"):
		return begin + ", with hyphens and no underscores" + end
	case strings.ContainsAny(text, ",;"):
		return begin + ", one and no list" + end
	case other >= 0:
		return begin + ", of the letters a to z, digits and hyphens alone" + end
	case hasLength(parts, 0, 0):
		return begin + ", with single hyphens, and only between its parts" + end
	case hasLength(parts, 9, len(text)):
		return begin + ", whose parts have at most 8 characters" + end
	case len(parts[0]) == 1 && !strings.ContainsAny(parts[0], "xXiI") || len(parts[0]) > 3 && err != nil:
		return begin + ", which begins with a language's code of 2 or 3 letters" + end
	case isUnknown:
		return begin + fmt.Sprintf(" of the registry, which does not have %q", unknown.Subtag())
	case err != nil:
		return begin + end
	default:
		return ""
	}
}

// hasLength tells whether a part has from least to most bytes.
func hasLength(parts []string, least, most int) bool {
	for _, part := range parts {
		if len(part) >= least && len(part) <= most {
			return true
		}
	}
	return false
}
