// Package web is the machinery of HTTP that serves any resource: one set of
// tags reads, checks and describes what comes in, and errors become answers. It
// is used, not edited, and it knows no resource, no query and no route of the API.
package web
