package app_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/gin-gonic/gin"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/web/app"
)

// recoverServe serves one handler behind the middlewares that every route has.
func recoverServe(t *testing.T, more gin.HandlerFunc, handler gin.HandlerFunc) (url string, log *dbtest.Log, stop func()) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	log = new(dbtest.Log)
	logger := slog.New(slog.NewTextHandler(log, nil))
	engine := gin.New()
	app.Surround(engine, logger, more)
	engine.Any("/", handler)
	server := httptest.NewUnstartedServer(engine)
	server.Config.ErrorLog = slog.NewLogLogger(logger.Handler(), slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL, log, server.Close
}

// TestPanics: a panic is a 500 with its stack in the log; an aborted answer is no answer, and no noise.
func TestPanics(t *testing.T) {
	t.Parallel()
	var none []int
	broken := &os.SyscallError{Syscall: "write", Err: syscall.EPIPE}
	for _, test := range []struct {
		name    string
		panics  func()
		status  int // 0: the connection ends without an answer
		logged  string
		written bool
	}{
		{"text", func() { panic("secret cause") }, 500, "secret cause", false},
		{"error", func() { panic(errors.New("secret cause")) }, 500, "secret cause", false},
		{"nil", func() { panic(nil) }, 500, "panic called with nil", false}, //nolint // what it is about
		{"typed nil", func() { panic(error((*os.PathError)(nil))) }, 500, "panic", false},
		{"index", func() { _ = none[len(none)] }, 500, "index out of range", false},
		{"within an answer", func() { panic("secret cause") }, 0, "secret cause", true},
		{"abort", func() { panic(http.ErrAbortHandler) }, 0, "status=499", false},
		{"broken pipe", func() { panic(fmt.Errorf("write: %w", broken)) }, 0, "status=499", false},
		{"reset", func() { panic(syscall.ECONNRESET) }, 0, "status=499", false},
	} {
		url, log, stop := recoverServe(t, func(*gin.Context) {}, func(c *gin.Context) {
			if test.written {
				c.String(http.StatusOK, "half an ans")
				c.Writer.Flush()
			}
			test.panics()
		})
		resp, err := http.Get(url)
		var body []byte
		if err == nil {
			body, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		stop() // waits for the log's lines
		switch {
		case test.status == 0 && err == nil:
			t.Errorf("%s: answered %d %q", test.name, resp.StatusCode, body)
		case test.status != 0 && (err != nil || resp.StatusCode != test.status || !strings.Contains(string(body), `"status":500`)):
			t.Errorf("%s: %v %q", test.name, err, body)
		}
		if strings.Contains(string(body), "secret") {
			t.Errorf("%s: the answer tells the cause: %s", test.name, body)
		}
		checkPanicLog(t, test.name, log.String(), test.logged)
	}
}

func checkPanicLog(t *testing.T, name, log, want string) {
	t.Helper()
	quiet := want == "status=499"
	if !strings.Contains(log, want) || strings.Contains(log, "stack=") == quiet || strings.Contains(log, "level=ERROR") == quiet {
		t.Errorf("%s: logged %s", name, log)
	}
	if strings.Count(log, "msg=request ") != 1 || strings.Count(log, "level=ERROR") > 1 {
		t.Errorf("%s: not one access line and one error: %s", name, log)
	}
}

// TestForeignOrigins are served, without what lets a browser's page read the answer.
func TestForeignOrigins(t *testing.T) {
	t.Parallel()
	const listed = "https://app.example.com"
	url, _, _ := recoverServe(t, app.AllowOrigins([]string{listed}), func(c *gin.Context) {
		if c.Request.Method == http.MethodOptions {
			app.NotAllowed(c)
			return
		}
		c.String(http.StatusCreated, "done")
	})
	for _, test := range []struct {
		method, origin string
		status         int
		allowed        string
	}{
		{"POST", listed, 201, listed},
		{"POST", "https://evil.example.com", 201, ""},
		{"POST", "https://app.example.com.evil.com", 201, ""},
		{"POST", "null", 201, ""},
		{"POST", "", 201, ""},
		{"OPTIONS", listed, 204, listed},
		{"OPTIONS", "https://evil.example.com", 405, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", test.origin)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if allowed := resp.Header.Get("Access-Control-Allow-Origin"); resp.StatusCode != test.status || allowed != test.allowed || resp.Header.Get("Vary") != "Origin" {
			t.Errorf("%s from %q: %d, %v", test.method, test.origin, resp.StatusCode, resp.Header)
		}
	}
}
