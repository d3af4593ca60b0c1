// Package docs is the page at /docs, where the API can be read and tried, and how
// it and the document are served: compressed once, with their digest as the
// ETag. It is used, not edited: what the page says is the document.
package docs

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/web"
)

// The page at /docs: Swagger UI, whose files lie here compressed, and the few
// lines that start it.
//
//go:embed index.html page.js page.css swagger-ui/*.gz
var files embed.FS

// policy lets the page run its own files and call its own host, nothing
// else. Its style sheet holds pictures as data: addresses.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const (
	revalidate = "no-cache"                            // kept, but asked about each time
	immutable  = "public, max-age=31536000, immutable" // the name holds a digest of the content
)

// Asset is a file that is served as it is, compressed once.
type Asset struct {
	media  string
	cache  string
	digest string
	zipped []byte
}

// JSON is an asset that may change with the next version of the service.
func JSON(text []byte) Asset { return newAsset("application/json", revalidate, text) }

func newAsset(media, cache string, content []byte) Asset {
	var zipped bytes.Buffer // which takes all
	w := gzip.NewWriter(&zipped)
	_, _ = w.Write(content)
	_ = w.Close()
	return zippedAsset(media, cache, zipped.Bytes())
}

func zippedAsset(media, cache string, zipped []byte) Asset {
	sum := sha256.Sum256(zipped)
	return Asset{media: media, cache: cache, digest: hex.EncodeToString(sum[:8]), zipped: zipped}
}

// Serve answers with the file, or with 304 if the client has it. The two
// encodings have a tag each, as strong tags demand.
func (a Asset) Serve(c *gin.Context) {
	zipped := acceptsGzip(c.GetHeader("Accept-Encoding"))
	tag := strconv.Quote(a.digest)
	if zipped {
		tag = strconv.Quote(a.digest + "-gzip")
	}
	c.Header("ETag", tag)
	c.Header("Cache-Control", a.cache)
	c.Writer.Header().Add("Vary", "Accept-Encoding") // beside CORS's Origin
	if web.NoneMatch(c, tag) {
		c.Status(http.StatusNotModified)
		return
	}
	if zipped {
		c.Header("Content-Encoding", "gzip")
		c.Header("Content-Length", strconv.Itoa(len(a.zipped)))
		c.Data(http.StatusOK, a.media, a.zipped)
		return
	}
	content, err := unzip(a.zipped)
	if err != nil {
		_ = c.Error(err)
		return
	}
	c.Data(http.StatusOK, a.media, content)
}

func unzip(zipped []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return content, nil
}

// acceptsGzip reads Accept-Encoding; a weight of 0 refuses.
func acceptsGzip(header string) bool {
	for coding := range strings.SplitSeq(header, ",") {
		name, weight, weighted := strings.Cut(strings.ToLower(strings.TrimSpace(coding)), ";")
		if strings.TrimSpace(name) != "gzip" {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(weight), "q="), 64)
		return !weighted || err == nil && q > 0
	}
	return false
}

// Page serves the page and its files.
type Page struct {
	index Asset
	files map[string]Asset // by the names that the page uses
}

// New reads the page's files, which are part of the program.
func New() (Page, error) {
	d := Page{files: map[string]Asset{}}
	index, err := files.ReadFile("index.html")
	if err != nil {
		return d, fmt.Errorf("read the page: %w", err)
	}
	entries := []string{"page.js", "page.css"}
	vendored, err := files.ReadDir("swagger-ui")
	if err != nil {
		return d, fmt.Errorf("read the page's files: %w", err)
	}
	for _, entry := range vendored {
		entries = append(entries, "swagger-ui/"+entry.Name())
	}
	for _, file := range entries {
		a, err := pageAsset(file)
		if err != nil {
			return d, fmt.Errorf("read %s: %w", file, err)
		}
		name := strings.TrimSuffix(path.Base(file), ".gz")
		addr := address(name, a.digest)
		d.files[addr] = a
		index = bytes.ReplaceAll(index, []byte(`"docs/`+name+`"`), []byte(`"docs/`+addr+`"`))
	}
	d.index = newAsset("text/html; charset=utf-8", revalidate, index)
	return d, nil
}

// address puts the digest into a file's name. Licences keep theirs: the
// bundle refers to them.
func address(name, digest string) string {
	switch ext := path.Ext(name); ext {
	case ".js", ".css":
		return strings.TrimSuffix(name, ext) + "." + digest + ext
	default:
		return name
	}
}

func pageAsset(file string) (Asset, error) {
	content, err := files.ReadFile(file)
	if err != nil {
		return Asset{}, err
	}
	media, cache := "text/plain; charset=utf-8", revalidate
	switch path.Ext(strings.TrimSuffix(file, ".gz")) {
	case ".js":
		media, cache = "text/javascript; charset=utf-8", immutable
	case ".css":
		media, cache = "text/css; charset=utf-8", immutable
	}
	if strings.HasSuffix(file, ".gz") {
		return zippedAsset(media, cache, content), nil
	}
	return newAsset(media, cache, content), nil
}

// Index serves the page.
func (d Page) Index(c *gin.Context) {
	c.Header("Content-Security-Policy", policy)
	d.index.Serve(c)
}

// File serves one of its files.
func (d Page) File(c *gin.Context) {
	if a, ok := d.files[c.Param("file")]; ok {
		a.Serve(c)
		return
	}
	web.NotFound(c)
}
