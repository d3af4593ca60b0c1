package handlers

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"example.com/transcription-api/internal/web/openapi"
)

type route = openapi.Route

type txHandler = func(c *gin.Context, tx *gorm.DB) error

// register adds the routes to the engine, and the document that describes them.
func register(engine *gin.Engine, o Options) error {
	page, err := newDocs()
	if err != nil {
		return err
	}
	var document asset
	table := routes(o, page, func(c *gin.Context) { document.serve(c) })
	if err := addOnce(table, idempotency(cmp.Or(o.IdempotencyTTL, defaultTTL))); err != nil {
		return err
	}
	text, err := openapi.Register(engine, describeAPI(o), table)
	if err != nil {
		return err
	}
	document, err = newAsset("application/json", revalidate, text)
	return err
}

// addOnce puts once into the chains of idempotent routes: before the handler,
// after the session's middleware.
func addOnce(table []route, once gin.HandlerFunc) error {
	for i, r := range table {
		if !r.Idempotent {
			continue
		}
		if !r.Serve.Transactional || r.Method == http.MethodGet {
			return fmt.Errorf("%s %s: an idempotent route needs a session that writes", r.Method, r.Path)
		}
		chain := r.Serve.Chain
		table[i].Serve.Chain = slices.Insert(slices.Clone(chain), len(chain)-1, once)
	}
	return nil
}
