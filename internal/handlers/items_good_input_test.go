package handlers_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.com/transcription-api/internal/web/webtest"
	"github.com/google/go-cmp/cmp"
)

// TestUnusualPosts sends what few clients do and all may. want is what the item's member then holds.
func TestUnusualPosts(t *testing.T) {
	t.Parallel()
	s := start(t)
	long := "en-x" + strings.Repeat("-abcdefgh", 10) + "-abcde" // 100 characters
	for _, row := range []struct{ body, member, want string }{
		{postTitle(`Übung №5 日本語 עברית`), "title", "Übung №5 日本語 עברית"},
		{postTitle(`e\u0301`), "title", "e\u0301"}, // stays decomposed
		{postTitle(`\ud83d\ude00`), "title", "😀"},
		{postTitle(`\"\\\/`), "title", `"\/`},
		{postTitle(`<script>&amp;</script>`), "title", "<script>&amp;</script>"},
		{postTitle(`\ufffd\uffff\udbff\udfff`), "title", "\ufffd\uffff\U0010ffff"},
		{postTitle(`\u200fשלום\u200e`), "title", "\u200fשלום\u200e"}, // marks of direction
		{postTitle(`👩\u200d👩\u200d👧\u200d👦 نامه\u200cای a\u00adb`), "title", "👩\u200d👩\u200d👧\u200d👦 نامه\u200cای a\u00adb"},
		{postTitle(`\u0600`), "title", "\u0600"}, // a format character that is drawn
		{postTitle(` \u00a0 a `), "title", " \u00a0 a "},
		{postTitle(`'; DROP TABLE items; --`), "title", "'; DROP TABLE items; --"},
		{postTitle(`$1 %s ? @name :name {{.}}`), "title", "$1 %s ? @name :name {{.}}"},
		{postTitle(strings.Repeat("😀", 200)), "title", strings.Repeat("😀", 200)},
		{postTitle(strings.Repeat(`\ud83d\ude00`, 200)), "title", strings.Repeat("😀", 200)},
		{"\t\r\n { \"audio_url\" : \"https://e.com/a\" ,\n\"title\":\"a\" } \n", "title", "a"},
		{badURL(surfaceURL(2048)), "audio_url", surfaceURL(2048)},
		{badURL(`HTTPS://EXAMPLE.COM/A.WAV`), "audio_url", "HTTPS://EXAMPLE.COM/A.WAV"},
		{badURL(`https://example.com`), "audio_url", "https://example.com"},
		{badURL(`http://localhost:8080?x=1#t=5`), "audio_url", "http://localhost:8080?x=1#t=5"},
		{badURL(`http://[::1]:9000/a`), "audio_url", "http://[::1]:9000/a"},
		{badURL(`https://example.com/a%20b@c:d.wav`), "audio_url", "https://example.com/a%20b@c:d.wav"},
		{badURL(`https://example.com:/a`), "audio_url", "https://example.com:/a"},
		{badURL(`https://example.com.:65535/a`), "audio_url", "https://example.com.:65535/a"},
		{badURL(`http://audio_store:9000/a`), "audio_url", "http://audio_store:9000/a"},
		{badURL(`https://r3---sn-a.example/a`), "audio_url", "https://r3---sn-a.example/a"},
		{badURL(`http://10.0.0.1/a`), "audio_url", "http://10.0.0.1/a"},
		{badURL(`http://xn--bcher-kva.example`), "audio_url", "http://xn--bcher-kva.example"},
		{badURL(`https://日本語.jp/音.wav`), "audio_url", "https://日本語.jp/音.wav"},
		{badURL(`https://bücher.example/ä.wav`), "audio_url", "https://bücher.example/ä.wav"},
		{badURL(`https://example.com/a.wav?X-Sig=a%2Fb+c&d=[1]{2}|^`), "audio_url", "https://example.com/a.wav?X-Sig=a%2Fb+c&d=[1]{2}|^"},
		{badURL(`s3://my_bucket`), "audio_url", "s3://my_bucket"},
		{badURL(`s3://my_bucket.logs/a/b.wav`), "audio_url", "s3://my_bucket.logs/a/b.wav"},
		{badURL(`gs://bucket/a.flac`), "audio_url", "gs://bucket/a.flac"},
		{badURL(`S3://Bucket/key`), "audio_url", "S3://Bucket/key"},
		{badLanguage("zh-Hant-TW"), "language", "zh-Hant-TW"},
		{badLanguage("en-US-u-co-phonebk"), "language", "en-US-u-co-phonebk"},
		{badLanguage("x-private"), "language", "x-private"},
		{badLanguage("de-CH-1996"), "language", "de-CH-1996"},
		{badLanguage("sl-rozaj-biske-1994"), "language", "sl-rozaj-biske-1994"},
		{badLanguage("en-a-abcde-abcde-x-a-x-x"), "language", "en-a-abcde-abcde-x-a-x-x"},
		{badLanguage("zh-yue"), "language", "zh-yue"},
		{badLanguage("no-bok"), "language", "no-bok"},
		{badLanguage("es-419"), "language", "es-419"},
		{badLanguage("i-klingon"), "language", "i-klingon"},
		{badLanguage("sr-Latn-RS-x-mine"), "language", "sr-Latn-RS-x-mine"},
		{badLanguage("EN-us"), "language", "en-US"},
		{badLanguage("und"), "language", "und"},
		{badLanguage(long), "language", long},
		{`{` + valid + `}`, "language", "en"},
	} {
		answer := s.Do(t, "POST", "/items", row.body)
		if answer.Status != http.StatusCreated {
			t.Errorf("%.80q: %s", row.body, answer.Summary())
			continue
		}
		if got := goodItem(t, answer)[row.member]; got != row.want {
			t.Errorf("%.80q: %s is %.80q, want %.80q", row.body, row.member, got, row.want)
		}
		if again := s.Do(t, "GET", answer.Header.Get("Location"), ""); again.Body != answer.Body || again.Header.Get("Etag") != answer.Header.Get("Etag") {
			t.Errorf("%.80q: POST and GET differ: %s", row.body, cmp.Diff(answer.Body, again.Body))
		}
	}
}

func postTitle(title string) string {
	return `{"title":"` + title + `","audio_url":"https://e.com/a"}`
}

func goodItem(t testing.TB, answer webtest.Answer) map[string]any {
	t.Helper()
	var item map[string]any
	if err := json.Unmarshal([]byte(answer.Body), &item); err != nil {
		t.Fatalf("%.200q: %v", answer.Body, err)
	}
	return item
}

// TestUnusualPatches holds the text of the answer's member, null and numbers included.
func TestUnusualPatches(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := create(t, s)
	text := strings.Repeat("a", 500_000)
	for _, row := range []struct{ body, want string }{
		{`{"duration_seconds":0}`, `"duration_seconds":0,`},
		{`{"duration_seconds":-0}`, `"duration_seconds":0,`},
		{`{"duration_seconds":-0.0e5}`, `"duration_seconds":0,`},
		{`{"duration_seconds":-1e-400}`, `"duration_seconds":0,`},
		{`{"duration_seconds":1e308}`, `"duration_seconds":1e+308,`},
		{`{"duration_seconds":5e-324}`, `"duration_seconds":5e-324,`},
		{`{"duration_seconds":0.1}`, `"duration_seconds":0.1,`},
		{`{"duration_seconds":1234567.125}`, `"duration_seconds":1234567.125,`},
		{`{"duration_seconds":1E2}`, `"duration_seconds":100,`},
		{`{"duration_seconds":9007199254740993}`, `"duration_seconds":9007199254740992,`},
		{`{"duration_seconds":null}`, `"duration_seconds":null,`},
		{`{"transcript":""}`, `"transcript":"",`},
		{`{"transcript":" \n "}`, `"transcript":" \n ",`},
		{`{"transcript":"` + text + `"}`, `"transcript":"` + text + `",`},
		{`{"transcript":"` + strings.Repeat("é", 500_000) + `"}`, `"transcript":"` + strings.Repeat("é", 500_000) + `",`},
		{`{"transcript":null}`, `"transcript":null,`},
		{`{"error":"` + strings.Repeat("😀", 2000) + `"}`, `"error":"` + strings.Repeat("😀", 2000) + `",`},
		{`{"error":null,"transcript":null,"duration_seconds":null}`, `"error":null,`},
		{`{"title":"\ud83d\ude00"}`, `"title":"😀",`},
		{`{"language":"de"}`, `"language":"de",`},
		{`{"status":"processing","title":"b"}`, `"status":"processing",`},
		{`{}`, `"status":"processing",`},
	} {
		answer := s.Do(t, "PATCH", path, row.body)
		if answer.Status != http.StatusOK || !strings.Contains(answer.Body, row.want) {
			t.Errorf("%.80q: %s: %.300q", row.body, answer.Summary(), answer.Body)
		}
		if again := s.Do(t, "GET", path, ""); again.Body != answer.Body || again.Header.Get("Etag") != answer.Header.Get("Etag") {
			t.Errorf("%.80q: PATCH and GET differ: %.300s", row.body, cmp.Diff(answer.Body, again.Body))
		}
	}
}

func TestUnusualHeaders(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, header := range []string{
		"Content-Type: application/json",
		"Content-Type: application/json;charset=UTF-8",
		`Content-Type: APPLICATION/JSON; Charset="utf-8"`,
		"Content-Type: application/json; odata=verbose",
		"Content-Type: application/json;",
		"Content-Type: application/merge-patch+json",
		"Content-Type: application/json; charset=utf8",
		"Content-Type: application/json; charset=us-ascii",
		"Content-Type: application/json; charset=ISO-8859-1",
		"Content-Encoding: identity",
		"Content-Encoding: Identity",
		"Expect: 100-continue",
	} {
		if answer := s.Do(t, "POST", "/items", item, header); answer.Status != http.StatusCreated {
			t.Errorf("%s: %s", header, answer.Summary())
		}
	}
	chunked, err := s.Try(t.Context(), "POST", "/items", struct{ *strings.Reader }{strings.NewReader(item)})
	if err != nil || chunked.Status != http.StatusCreated {
		t.Errorf("chunked: %v %s", err, chunked.Summary())
	}
	for _, query := range []string{"?unknown=1&limit=100", "?limit=%2B5", "?limit=007", "?language=zh-Hant-TW", "?&&", "?x=%00", "?x=%zz&%zz=1&%FF", "?utm_source=a&_=1&page=2&sort=x&fbclid=%", "?language=ZH-hant-tw"} {
		if answer := s.Do(t, "GET", "/items"+query, ""); answer.Status != http.StatusOK {
			t.Errorf("%s: %s", query, answer.Summary())
		}
	}
	if answer := s.Do(t, "GET", "/items", "a body that GET has no use for"); answer.Status != http.StatusOK {
		t.Errorf("GET with a body: %s", answer.Summary())
	}
}

// TestTimesHaveAllDigits: a time has the same length however many digits it needs.
func TestTimesHaveAllDigits(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := create(t, s)
	s.Exec(t, "UPDATE items SET created_at = '2026-01-02 03:04:05.1+02'")
	item := goodItem(t, s.Do(t, "GET", path, ""))
	if item["created_at"] != "2026-01-02T01:04:05.100000Z" {
		t.Errorf("created_at is %v", item["created_at"])
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000000Z", item["updated_at"].(string)); err != nil {
		t.Error(err)
	}
}
