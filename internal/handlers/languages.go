package handlers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

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
	case len(parts[0]) == 1 && !strings.ContainsAny(parts[0], "xXiI") || len(parts[0]) > 3:
		return begin + ", which begins with a language's code of 2 or 3 letters" + end
	case isUnknown:
		return begin + fmt.Sprintf(" of the registry, which does not have %q", unknown.Subtag())
	case err != nil:
		return begin + end
	case hasExtlang(parts):
		return begin + ", whose region has 2 letters or 3 digits" + end
	case repeats(parts):
		return begin + ", without repeated parts" + end
	default:
		return ""
	}
}

// extended are the languages with which an extended one may begin: zh-yue, but no en-USA. The last is for no-bok and no-nyn.
var extended = []string{"ar", "kok", "lv", "ms", "sgn", "sw", "uz", "zh", "no"}

// hasExtlang tells of an extended language that its tag's language does not have. Parse takes any known one.
func hasExtlang(parts []string) bool {
	return len(parts) > 1 && len(parts[1]) == 3 && strings.Trim(parts[1], "0123456789") != "" &&
		len(parts[0]) > 1 && !slices.Contains(extended, strings.ToLower(parts[0]))
}

// repeats tells of a variant, or the letter of an extension, that is there twice: RFC 5646, sections 2.2.5 and 2.2.6.
// What follows an x is private, and what follows another single letter is the extension's own.
func repeats(parts []string) bool {
	seen, extension := map[string]bool{}, false
	for _, part := range parts {
		part = strings.ToLower(part)
		if part == "x" {
			return false
		}
		extension = extension || len(part) == 1
		variant := len(part) > 4 || len(part) == 4 && part[0] <= '9'
		if len(part) == 1 || variant && !extension {
			if seen[part] {
				return true
			}
			seen[part] = true
		}
	}
	return false
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
