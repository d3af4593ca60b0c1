package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/db/query"
)

// ETag is a row's version as a strong entity tag.
func ETag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// SetVersion gives the answer the row's ETag.
func SetVersion(c *gin.Context, version int64) { c.Header("ETag", ETag(version)) }

// NotModified gives the answer the row's ETag, and reports whether If-None-Match
// names it: then the answer is a 304, and complete.
func NotModified(c *gin.Context, version int64) bool {
	SetVersion(c, version)
	same := NoneMatch(c, ETag(version))
	if same {
		c.Status(http.StatusNotModified)
	}
	return same
}

// Condition returns the versions at which a request may change a row.
func Condition(c *gin.Context) (at query.Versions) {
	if values := c.Request.Header.Values("If-Match"); len(values) > 0 {
		var star bool
		if at.Only, star = versions(entityTags(values)); star {
			at.Only = nil // every row that is there fulfils it
		}
	}
	excluded := entityTags(c.Request.Header.Values("If-None-Match"))
	for i, tag := range excluded {
		excluded[i] = strings.TrimPrefix(tag, "W/") // compared weakly
	}
	at.Not, at.None = versions(excluded)
	return at
}

// versions returns those of which the tags are this service's own, and whether
// there is a "*". The list is not nil. Weak tags are no version's.
func versions(tags []string) (list []int64, star bool) {
	list = []int64{}
	for _, tag := range tags {
		if version, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64); err == nil && tag == ETag(version) {
			list = append(list, version)
		}
		star = star || tag == "*"
	}
	return list, star
}

// WhyModified says why If-Match does not hold, to a client that may send what
// can never match.
func WhyModified(h http.Header) string {
	const begin = "If-Match does not hold: "
	tags := entityTags(h.Values("If-Match"))
	own, _ := versions(tags)
	weak := slices.IndexFunc(tags, func(tag string) bool { return strings.HasPrefix(tag, `W/"`) })
	bare := slices.IndexFunc(tags, func(tag string) bool { return tag != "" && !strings.HasPrefix(tag, `"`) })
	switch {
	case len(h.Values("If-Match")) == 0:
		return "It has changed meanwhile: fetch it again."
	case len(own) > 0:
		return begin + "it has changed since. Fetch it again and repeat the request with its new ETag."
	case weak >= 0:
		return begin + "a weak tag, W/\"…\", never matches. A proxy that compresses answers makes ETags weak: send the tag without W/, or turn the compression off."
	case bare >= 0:
		return begin + "an entity tag stands in double quotes, as ETag gives it."
	default:
		return begin + "it names no ETag of this service. Fetch it again and send what ETag gives."
	}
}

// NoneMatch reports whether If-None-Match names the tag, weakly compared.
func NoneMatch(c *gin.Context, current string) bool {
	for _, tag := range entityTags(c.Request.Header.Values("If-None-Match")) {
		if tag == "*" || strings.TrimPrefix(tag, "W/") == current {
			return true
		}
	}
	return false
}

// entityTags splits the lists that the headers may hold. This service's tags
// have no comma, so one that is cut in two could not have matched either.
func entityTags(values []string) []string {
	var tags []string
	for _, value := range values {
		for tag := range strings.SplitSeq(value, ",") {
			tags = append(tags, strings.TrimSpace(tag))
		}
	}
	return tags
}
