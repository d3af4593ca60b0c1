package handlers

import (
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
)

// etag is a row's version as a strong entity tag.
func etag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// ifMatch returns the versions that If-Match allows, or nil if it asks for
// nothing: it is absent, or "*", which any row fulfils. Weak tags match nothing.
func ifMatch(c *gin.Context) []int64 {
	values := c.Request.Header.Values("If-Match")
	if len(values) == 0 {
		return nil
	}
	versions := []int64{}
	for _, tag := range entityTags(values) {
		if tag == "*" {
			return nil
		}
		if version, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64); err == nil && tag == etag(version) {
			versions = append(versions, version)
		}
	}
	return versions
}

// noneMatch reports whether If-None-Match names the tag, weakly compared.
func noneMatch(c *gin.Context, current string) bool {
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
