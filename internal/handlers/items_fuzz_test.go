package handlers

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/models"
	"example.com/transcription-api/internal/web"
	"example.com/transcription-api/internal/web/openapi"
)

// fuzzServe answers one request by the handler, without a database behind it.
func fuzzServe(t *testing.T, req *http.Request, r openapi.Route, handler func(*gin.Context) error) (status int, body []byte) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.Use(answerForFuzz)
	r.Method, r.Path = req.Method, "/items"
	r.Serve.Chain = gin.HandlersChain{func(c *gin.Context) {
		if err := handler(c); err != nil {
			_ = c.Error(err)
		}
	}}
	if _, err := openapi.Register(engine, api().API, []openapi.Route{r}); err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	http.MaxBytesHandler(engine, 1<<20).ServeHTTP(recorder, req)
	return recorder.Code, recorder.Body.Bytes()
}

func answerForFuzz(c *gin.Context) {
	c.Next()
	if len(c.Errors) == 0 {
		return
	}
	problem, ok := errors.AsType[*web.Problem](c.Errors.Last().Err)
	if !ok {
		problem = &web.Problem{Status: http.StatusInternalServerError, Detail: c.Errors.Last().Error()}
	}
	problem.Write(c)
}

// fuzzCheck holds that bad input is the client's fault, said in a document that is JSON and UTF-8.
func fuzzCheck(t *testing.T, status int, body []byte, allowed ...int) {
	t.Helper()
	if status == http.StatusOK {
		return
	}
	var p web.Problem
	if err := json.Unmarshal(body, &p); err != nil || !utf8.Valid(body) || p.Status != status || p.Detail == "" {
		t.Fatalf("status %d with %q: %v", status, body, err)
	}
	for _, one := range allowed {
		if status == one {
			return
		}
	}
	t.Fatalf("status %d: %s", status, body)
}

// The rules of the schema, which nothing that passes here may break.
var (
	schemaURL      = regexp.MustCompile(`(?i)^(https?|s3|gs)://[^/?#]`)
	schemaLanguage = regexp.MustCompile(`^[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8})*$`)
)

func fuzzText(t *testing.T, name, text string, limit int) {
	t.Helper()
	if !utf8.ValidString(text) || strings.Contains(text, "\x00") || utf8.RuneCountInString(text) > limit {
		t.Fatalf("%s passed as %q", name, text)
	}
}

// FuzzBindJSON reads a body as POST and as PATCH do, under any content type.
func FuzzBindJSON(f *testing.F) {
	for _, body := range []string{
		`{"title":"a","audio_url":"https://example.com/a","language":"zh-Hant-TW"}`, `{"title":null,"title":1}`, `{}`, `[]`, `null`, ``,
		`{"status":"failed","transcript":null,"duration_seconds":-0,"error":"\ud83d\ude00"}`, `{"duration_seconds":1e400}`, `{"language":"x-a_b"}`,
		`{"audio_url":"s3://a_b"}`, "{\"title\":\"\xff\"}", `{"title":"\ud800"}`, `{"a/b~":{"":[[[]]]}}`, `{"title":"\u00a0"} {}`, `{"language":"i-klingon"}`,
	} {
		f.Add([]byte(body), "application/json")
	}
	f.Add([]byte(`{}`), "application/merge-patch+json; charset=UTF-8")
	f.Add([]byte(`{}`), "text/plain; =")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		for into, handler := range map[any]func(*gin.Context) error{newItem{}: fuzzPost(t), itemChanges{}: fuzzPatch(t)} {
			req := httptest.NewRequest(http.MethodPost, "/items", strings.NewReader(string(body)))
			req.Header["Content-Type"] = []string{contentType}
			status, answer := fuzzServe(t, req, openapi.Route{Body: into}, handler)
			fuzzCheck(t, status, answer, 400, 413, 415, 422)
		}
	})
}

func fuzzPost(t *testing.T) func(*gin.Context) error {
	return func(c *gin.Context) error {
		in, err := web.BindJSON[newItem](c)
		if err != nil {
			return err
		}
		fuzzText(t, "title", in.Title, 200)
		fuzzText(t, "audio_url", in.AudioURL, 2048)
		if strings.TrimSpace(in.Title) == "" || len(in.AudioURL) > 2048 || !schemaURL.MatchString(in.AudioURL) {
			t.Fatalf("passed: %+v", in)
		}
		if !schemaLanguage.MatchString(in.Language) || len(in.Language) > 100 {
			t.Fatalf("language passed as %q", in.Language)
		}
		return nil
	}
}

func fuzzPatch(t *testing.T) func(*gin.Context) error {
	return func(c *gin.Context) error {
		in, err := web.BindJSON[itemChanges](c)
		if err != nil {
			return err
		}
		for name, text := range map[string]*string{"transcript": in.Transcript.Value, "error": in.Error.Value, "title": in.Title} {
			if text != nil {
				fuzzText(t, name, *text, 500_000)
			}
		}
		if n := in.DurationSeconds.Value; n != nil && !(*n >= 0 && *n <= math.MaxFloat64) {
			t.Fatalf("duration_seconds passed as %v", *n)
		}
		if in.Status != nil && !schemaStatus(*in.Status) {
			t.Fatalf("status passed as %q", *in.Status)
		}
		return nil
	}
}

func schemaStatus(status models.ItemStatus) bool { return slices.Contains(status.Values(), status) }

// FuzzBindQuery reads a raw query as GET /items does, with the cursor in it.
func FuzzBindQuery(f *testing.F) {
	for _, query := range []string{
		"", "limit=20&status=pending&language=en", "limit=0", "limit=%2B5", "limit=1&limit=2", "status=%00", "language=%ff", "cursor=AAAA", "a;b", "%zz", "&&=&",
		"language=en_US", "limit=9999999999999999999", "cursor=eyJ2YWx1ZSI6IjIwMjYtMDEtMDFUMDA6MDA6MDBaIiwiaWQiOjF9AAAAAAAAAAA",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		req := httptest.NewRequest(http.MethodGet, "/items", nil)
		req.URL = &url.URL{Path: "/items", RawQuery: query}
		status, answer := fuzzServe(t, req, openapi.Route{Query: itemQuery{}}, func(c *gin.Context) error {
			in, err := web.BindQuery[itemQuery](c)
			if err != nil {
				return err
			}
			if in.Limit < 1 || in.Limit > 100 || in.Status != "" && !schemaStatus(in.Status) ||
				in.Language != "" && !schemaLanguage.MatchString(in.Language) {
				t.Fatalf("passed: %+v", in)
			}
			_, err = web.ParseCursor[time.Time]("items", in.Cursor)
			return err
		})
		fuzzCheck(t, status, answer, 422)
	})
}
