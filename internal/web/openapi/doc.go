// Package openapi makes the OpenAPI document out of the routes that serve, and
// serves them. It is used, not edited, and knows no resource: what an API is called and what its routes
// are stands in package handlers.
package openapi
