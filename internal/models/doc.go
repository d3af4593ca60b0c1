// Package models holds the tables: for each a struct, its rules and its queries,
// as functions of a context and a *gorm.DB, which serve on any session. It is
// yours to edit. Nothing here knows of HTTP, of the pool or of when a transaction
// ends; what the queries of any table need is in package query.
package models
