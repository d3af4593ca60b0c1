// Package handlers is what clients see of this API: its routes, and for each
// resource what comes in and goes out. It is yours to edit. It holds no query: those are in package
// models; and what serves any route is in package web and below.
package handlers

import (
	"net/http"

	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/openapi"
)

// New returns the whole API.
func New(o app.Options) (http.Handler, error) { return app.New(o, api()) }

// routes is every route of the API, but for health and documents, which any
// service has: what stands here is served, and is what /openapi.json says. A GET
// serves HEAD too. The errors that follow from the rest (a body: 400, 408, 415,
// 422; an :id: 404; and so on) are not repeated.
func routes(tx app.Tx) []openapi.Route {
	return []openapi.Route{
		{
			Method: "POST", Path: "/items", Name: "createItem", Summary: "Create an item", Serve: tx(createItem), Idempotent: true,
			About: "It is pending until a worker claims it. Location says where it is. With an Idempotency-Key a repeated request is carried out once.",
			Body:  newItem{}, Replies: []openapi.Reply{{Status: 201, Body: item{}, Headers: "Location ETag"}}, Fails: []int{409},
		},
		{
			Method: "GET", Path: "/items", Name: "listItems", Summary: "List items, newest first", Serve: tx(listItems),
			About: "A page at a time, without the transcripts. next_cursor leads to the next page; items that come or go in between shift none.",
			Query: itemQuery{}, Replies: []openapi.Reply{{Status: 200, Body: itemPage{}}},
		},
		{
			Method: "GET", Path: "/items/:id", Name: "getItem", Summary: "Fetch an item", Serve: tx(getItem),
			About:     "The whole item, with its transcript. ETag is its version.",
			Condition: "If-None-Match", Replies: []openapi.Reply{{Status: 200, Body: item{}, Headers: "ETag"}},
		},
		{
			Method: "PATCH", Path: "/items/:id", Name: "updateItem", Summary: "Change some members of an item", Serve: tx(updateItem),
			About: "A merge patch (RFC 7396): members that are left out stay, null clears. Of two that make the same move of status at once one gets 200, the other 409.",
			Body:  itemChanges{}, Examples: itemMoves, Condition: "If-Match",
			Replies: []openapi.Reply{{Status: 200, Body: item{}, Headers: "ETag"}}, Fails: []int{409},
		},
		{
			Method: "DELETE", Path: "/items/:id", Name: "deleteItem", Summary: "Delete an item", Serve: tx(deleteItem),
			About:     "With If-Match only the version that the client has seen.",
			Condition: "If-Match", Replies: []openapi.Reply{{Status: 204}},
		},
	}
}
