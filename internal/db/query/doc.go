// Package query is what the queries of any table need: find, change and delete
// a row, at a version if the caller names one, claim one, and read pages by key. It is
// used, not edited, and knows no table; what is special to one is in package models.
package query
