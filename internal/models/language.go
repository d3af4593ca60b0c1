package models

import "strings"

// CanonicalLanguage writes a BCP 47 tag in its usual case, as RFC 5646, section
// 2.1.1, has it: pt-BR, zh-Hant-TW. Tags have no case; stored in one, equal
// ones are found together.
func CanonicalLanguage(tag string) string {
	parts := strings.Split(strings.ToLower(tag), "-")
	for i, part := range parts {
		switch {
		case len(part) == 1: // what follows, an extension or private use, is in lower case
			return strings.Join(parts, "-")
		case i > 0 && len(part) == 2:
			parts[i] = strings.ToUpper(part)
		case i > 0 && len(part) == 4:
			parts[i] = strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.Join(parts, "-")
}
