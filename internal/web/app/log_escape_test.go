package app_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/webtest"
)

// TestEscapeJSON: no character of a client's reaches a terminal that would obey it, and none is lost.
func TestEscapeJSON(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r < 0x3000 || r > 0xfe00 && r < 0x10000 || r >= 0xe0000 && r < 0xe0200 {
			text.WriteRune(r)
		}
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(app.EscapeJSON(&out), nil)).Info(text.String(), "path", "/Übung/日本/\u009b31m\u202e\x7f")
	for _, r := range strings.TrimSuffix(out.String(), "\n") {
		if !unicode.IsPrint(r) {
			t.Errorf("%U is in the line as it is", r)
		}
	}
	if !strings.Contains(out.String(), `"/Übung/日本/\u009b31m\u202e\u007f"`) {
		t.Errorf("want what is printed as it is, and the rest escaped: %s", out.String()[out.Len()-100:])
	}
	var line map[string]string
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["msg"] != text.String() {
		t.Errorf("a reader of JSON does not find the same text: %v", err)
	}
}

// TestShortLines: on a terminal, too, all that a value, a name or a message holds is printed, and no colour comes from there.
func TestShortLines(t *testing.T) {
	t.Parallel()
	colours := regexp.MustCompile(`\x1b\[(\d\d)m|\x1b\[0m`)
	for _, coloured := range []bool{true, false} {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(app.ShortLines(&out, coloured), &slog.HandlerOptions{Level: slog.LevelDebug}))
		for r := rune(0); r <= unicode.MaxRune; r++ {
			if r >= 0x3000 && r < 0xfe00 || r >= 0x10000 && r < 0xe0000 || r >= 0xe0200 {
				continue
			}
			out.Reset()
			text := "a" + string(r) + "31m " + `\x1b[31m "b`
			log.Info(text, "key"+string(r), text, "path", text)
			line := strings.TrimSuffix(out.String(), "\n")
			if n := len(colours.FindAllString(line, -1)); coloured && n != 2*4 || !coloured && n != 0 {
				t.Errorf("%U: %d colours: %q", r, n, line)
			}
			if at := strings.IndexFunc(colours.ReplaceAllString(line, ""), func(r rune) bool { return !unicode.IsPrint(r) }); at >= 0 {
				t.Errorf("%U is in the line as it is: %q", r, line)
			}
		}
	}
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(app.ShortLines(&out, false), &slog.HandlerOptions{Level: slog.LevelDebug}))
	log.With("level", 5).WithGroup("g").Warn("two words", "msg", "a b", "time", "1=2", "none", "")
	log.Log(t.Context(), slog.LevelError+2, `"quoted" \xff`+"\xff")
	log.Debug("")
	want := regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3} WRN two words level=5 g\.msg="a b" g\.time="1=2" g\.none=""
\S+ ERR\+2 "\\"quoted\\" \\\\xff\\xff"
\S+ DBG 
$`)
	if !want.MatchString(out.String()) {
		t.Errorf("got\n%s", out.String())
	}
}

// TestLongPathIsCut: a line does not grow with what a client sends.
func TestLongPathIsCut(t *testing.T) {
	t.Parallel()
	s := webtest.StartThings(t)
	path := "/" + strings.Repeat("é", 20_000)
	s.Do(t, "GET", path, "", "X-Request-ID: long")
	if got, want := s.Logged(t, "request", "request_id", "long")["path"], path[:999]+"…"; got != want {
		t.Errorf("the path in the log is %q", got)
	}
}
