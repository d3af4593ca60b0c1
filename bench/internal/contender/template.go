package contender

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
)

// NewTemplate serves as the template does that comes to mind first: Gin with its
// own logger, GORM's own pool, and a transaction begun for every request. Its
// log goes to accessLog.
func NewTemplate(url string, accessLog io.Writer) (http.Handler, func(), error) {
	conn, err := gorm.Open(postgres.Open(url), &gorm.Config{Logger: logger.Default.LogMode(logger.Silent)})
	if err != nil {
		return nil, nil, err
	}
	pool, err := conn.DB()
	if err != nil {
		return nil, nil, err
	}
	pool.SetMaxIdleConns(5)
	pool.SetMaxOpenConns(15)
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(gin.LoggerWithWriter(accessLog), gin.Recovery(), transaction(conn))
	engine.GET("/items/:id", getItem)
	engine.GET("/items", listItems)
	engine.POST("/items", createItem)
	engine.PATCH("/items/:id", patchItem)
	return engine, func() { _ = pool.Close() }, nil
}

const txKey = "tx"

// transaction begins one for every request and commits it when the handler has
// answered.
func transaction(conn *gorm.DB) gin.HandlerFunc {
	return func(c *gin.Context) {
		tx := conn.WithContext(c.Request.Context()).Begin()
		if tx.Error != nil {
			c.AbortWithStatusJSON(http.StatusServiceUnavailable, gin.H{"error": tx.Error.Error()})
			return
		}
		c.Set(txKey, tx)
		c.Next()
		if c.Writer.Status() >= http.StatusBadRequest {
			tx.Rollback()
			return
		}
		tx.Commit()
	}
}

func session(c *gin.Context) *gorm.DB { return c.MustGet(txKey).(*gorm.DB) }

func getItem(c *gin.Context) {
	var item row
	if err := session(c).First(&item, "id = ?", c.Param("id")).Error; err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusOK, item)
}

func listItems(c *gin.Context) {
	var items []listed
	err := session(c).Model(&row{}).Order("created_at DESC, id DESC").Limit(pageSize + 1).Find(&items).Error
	if err != nil {
		fail(c, err)
		return
	}
	c.JSON(http.StatusOK, newPage(items))
}

func createItem(c *gin.Context) {
	var in newItem
	if err := c.ShouldBindJSON(&in); err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
		return
	}
	item := row{Title: in.Title, AudioURL: in.AudioURL, Language: in.Language}
	if err := session(c).Create(&item).Error; err != nil {
		fail(c, err)
		return
	}
	c.Header("Location", fmt.Sprintf("/items/%d", item.ID))
	c.JSON(http.StatusCreated, item)
}

func patchItem(c *gin.Context) {
	var in changes
	if err := c.ShouldBindJSON(&in); err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
		return
	}
	var item row
	result := session(c).Model(&item).Clauses(clause.Returning{}).Where("id = ?", c.Param("id")).
		Select("title").Updates(map[string]any{"title": in.Title})
	if result.Error == nil && result.RowsAffected == 0 {
		result.Error = gorm.ErrRecordNotFound
	}
	if result.Error != nil {
		fail(c, result.Error)
		return
	}
	c.JSON(http.StatusOK, item)
}

func fail(c *gin.Context, err error) {
	status := http.StatusInternalServerError
	if errors.Is(err, gorm.ErrRecordNotFound) {
		status = http.StatusNotFound
	}
	c.JSON(status, gin.H{"error": err.Error()})
}
