package handlers

import (
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
	text, err := openapi.Register(engine, describeAPI(o), table)
	if err != nil {
		return err
	}
	document, err = newAsset("application/json", revalidate, text)
	return err
}
