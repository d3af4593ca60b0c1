// Package query is what the queries of any table need: create, find, change and
// delete a row, at a version if the caller names one, claim one, read pages by key,
// and columns of array types. It is used, not edited, and knows no table; what is
// special to one is in package models.
package query
