package handlers_test

import (
	"strings"
	"testing"
)

// badRow is an input that must be refused: want is the status, and the fields at fault or else the detail.
type badRow struct{ in, want string }

// surfaceURL makes a URL of exactly so many bytes.
func surfaceURL(size int) string {
	const start = "https://example.com/"
	return start + strings.Repeat("a", size-len(start))
}

const valid = `"title":"a","audio_url":"https://e.com/a"`

const (
	notObject   = "400 The body must be a JSON object."
	notLanguage = "422 language: must be a BCP 47 language tag, such as en or pt-BR"
	inTag       = "422 language: must be a BCP 47 language tag, "
	notStatus   = "422 status: must be one of: pending, processing, processed, failed"
)

var badPosts = []badRow{
	// Not one JSON object.
	{``, "400 The body is empty: send a JSON object."},
	{` `, "400 The body is not valid JSON, at byte 1."},
	{"\ufeff", "400 The body is empty: send a JSON object."},
	{"\ufeff\ufeff{" + valid + `}`, "400 The body is not valid JSON, at byte 0."},
	{`null`, notObject},
	{`true`, notObject},
	{`1`, notObject},
	{`"text"`, notObject},
	{`[]`, notObject},
	{`[{` + valid + `}]`, notObject},
	{`{`, "400 The body is not valid JSON, at byte 1."},
	{`{"title"`, "400 The body is not valid JSON, at byte 8."},
	{`{"title":}`, "400 The body is not valid JSON, at byte 9."},
	{`{"title":"a}`, "400 The body is not valid JSON, at byte 12."},
	{`{` + valid + `,}`, "400 The body is not valid JSON, at byte 42."},
	{`{` + valid + `} {}`, "400 The body is not valid JSON, at byte 44."},
	{`{` + valid + `}{` + valid + `}`, "400 The body is not valid JSON, at byte 43."},
	{`{` + valid + `} x`, "400 The body is not valid JSON, at byte 44."},
	{`{'title':'a'}`, "400 The body is not valid JSON, at byte 1."},
	{`{title:"a"}`, "400 The body is not valid JSON, at byte 2."},
	{`{` + valid + `} // comment`, "400 The body is not valid JSON, at byte 44."},
	{`<item/>`, "400 The body is not valid JSON, at byte 0."},
	{`title=a&audio_url=b`, "400 The body is not valid JSON, at byte 1."},
	{"{\"title\":\"a\nb\"}", "400 The body is not valid JSON, at byte 11."},
	{`{"title":"\x41"}`, "400 The body is not valid JSON, at byte 10."},
	{`{"title":"\u12"}`, "400 The body is not valid JSON, at byte 10."},
	{"{\"title\":\"\xff\"}", "400 The body is not valid JSON, at byte 10."},
	{"{\"title\":\"\xed\xa0\x80\"}", "400 The body is not valid JSON, at byte 10."}, // a surrogate in UTF-8
	{"{\"\xff\":1}", "400 The body is not valid JSON, at byte 2."},
	{`{"title":"\ud800"}`, "400 The body is not valid JSON, at byte 10."},
	{`{"title":"\udc00\ud800"}`, "400 The body is not valid JSON, at byte 10."},
	{`{"title":"\ud800A"}`, "400 The body is not valid JSON, at byte 10."},
	{"\x00", "400 The body is not valid JSON, at byte 0."},
	{"\x1f\x8b\x08\x00", "400 The body is not valid JSON, at byte 0."}, // gzip
	{`{` + valid + `,"language":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, "400 The body is not valid JSON, at byte 10053."},
	{`{` + valid + `,"deep":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, "400 The body is not valid JSON, at byte 10049."},
	{`{` + valid + `,"deep":` + strings.Repeat(`{"a":`, 100_000), "400 The body is not valid JSON, at byte 50045."},
	{strings.Repeat("[", 500_000), notObject},
	// Unknown and repeated members, at any depth.
	{`{` + valid + `,"id":1}`, "400 id: unknown: allowed are title, audio_url, language"},
	{`{` + valid + `,"Title":"b"}`, "400 Title: unknown: allowed are title, audio_url, language"},
	{`{` + valid + `,"status":"processed"}`, "400 status: unknown: allowed are title, audio_url, language"},
	{`{` + valid + `,"":1}`, "400 : unknown: allowed are title, audio_url, language"},
	{`{` + valid + `,"a/b~c":1}`, "400 a/b~c: unknown: allowed are title, audio_url, language"},
	{`{` + valid + `,"__proto__":{}}`, "400 __proto__: unknown: allowed are title, audio_url, language"},
	{`{` + valid + `,"title":"a"}`, "400 title: given twice"},
	{`{` + valid + `,"\u0074itle":"a"}`, "400 title: given twice"},
	{`{` + valid + `,"x":{"y":1,"y":2}}`, "400 y: given twice"},
	// Wrong types.
	{`{"title":1,"audio_url":"https://e.com/a"}`, "400 title: must be a string"},
	{`{"title":true,"audio_url":"https://e.com/a"}`, "400 title: must be a string"},
	{`{"title":["a"],"audio_url":"https://e.com/a"}`, "400 title: must be a string"},
	{`{"title":{"a":1},"audio_url":"https://e.com/a"}`, "400 title: must be a string"},
	{`{"title":"a","audio_url":7}`, "400 audio_url: must be a string"},
	{`{` + valid + `,"language":1}`, "400 language: must be a string"},
	{`{` + valid + `,"language":["en"]}`, "400 language: must be a string"},
	// Broken rules.
	{`{}`, "422 title: is required; audio_url: is required"},
	{`{"title":"a"}`, "422 audio_url: is required"},
	{`{"audio_url":"https://e.com/a"}`, "422 title: is required"},
	{`{"title":null,"audio_url":null,"language":null}`, "422 title: must not be null; audio_url: must not be null; language: must not be null"},
	{`{"title":"","audio_url":"","language":""}`, "422 title: must not be empty; audio_url: must not be empty; language: must not be empty"},
	{`{"title":" ","audio_url":"https://e.com/a"}`, "422 title: must not be only white space"},
	{`{"title":" \u00a0\u2003\u3000","audio_url":"https://e.com/a"}`, "422 title: must not be only white space"},
	{`{"title":"a\u0000b","audio_url":"https://e.com/a"}`, "422 title: must not contain the control character U+0000"},
	{`{"title":"` + strings.Repeat("a", 201) + `","audio_url":"https://e.com/a"}`, "422 title: must be at most 200 characters long"},
	{`{"title":"` + strings.Repeat("😀", 201) + `","audio_url":"https://e.com/a"}`, "422 title: must be at most 200 characters long"},
	{`{"title":"a","audio_url":"` + surfaceURL(2049) + `"}`, "422 audio_url: must be at most 2048 bytes long"},
	{`{"title":"a","audio_url":"` + surfaceURL(2047) + `é"}`, "422 audio_url: must be at most 2048 bytes long"},
	{badLanguage(`english`), inTag + "which begins with a language's code of 2 or 3 letters, such as en or pt-BR"},
	{badLanguage(`root`), inTag + "which begins with a language's code of 2 or 3 letters, such as en or pt-BR"},
	{badLanguage(`en_US`), inTag + "with hyphens and no underscores, such as en or pt-BR"},
	{badLanguage(`en-`), inTag + "with single hyphens, and only between its parts, such as en or pt-BR"},
	{badLanguage(`-en`), inTag + "with single hyphens, and only between its parts, such as en or pt-BR"},
	{badLanguage(`e`), inTag + "which begins with a language's code of 2 or 3 letters, such as en or pt-BR"},
	{badLanguage(`en--US`), inTag + "with single hyphens, and only between its parts, such as en or pt-BR"},
	{badLanguage(`en US`), inTag + "of the letters a to z, digits and hyphens alone, such as en or pt-BR"},
	{badLanguage(` en`), inTag + "of the letters a to z, digits and hyphens alone, such as en or pt-BR"},
	{badLanguage(`en\n`), inTag + "of the letters a to z, digits and hyphens alone, such as en or pt-BR"},
	{badLanguage(`en\u0000`), inTag + "of the letters a to z, digits and hyphens alone, such as en or pt-BR"},
	{badLanguage(`ën`), inTag + "of the letters a to z, digits and hyphens alone, such as en or pt-BR"},
	{badLanguage(`1`), inTag + "which begins with a language's code of 2 or 3 letters, such as en or pt-BR"},
	{badLanguage(`zz-ZZ-zz`), notLanguage},
	{badLanguage(`en-abcdefghi`), inTag + "whose parts have at most 8 characters, such as en or pt-BR"},
	{badLanguage(`en-USA`), inTag + "whose region has 2 letters or 3 digits, such as en or pt-BR"},
	{badLanguage(`de-419-DE`), notLanguage},
	{badLanguage(`ar-a-aaa-b-bbb-A-ccc`), inTag + "without repeated parts, such as en or pt-BR"},
	{badLanguage(`de-1996-1996`), inTag + "without repeated parts, such as en or pt-BR"},
	{badLanguage(`sl-rozaj-biske-ROZAJ`), inTag + "without repeated parts, such as en or pt-BR"},
	{badLanguage(`x-`), inTag + "with single hyphens, and only between its parts, such as en or pt-BR"},
	{badLanguage(`*`), inTag + "of the letters a to z, digits and hyphens alone, such as en or pt-BR"},
	{badLanguage(`en,de`), inTag + "one and no list, such as en or pt-BR"},
	{badLanguage(`en-x` + strings.Repeat("-abcdefgh", 11)), "422 language: must be at most 100 characters long"},
	{badLanguage(strings.Repeat("en-", 100_000)), "422 language: must be at most 100 characters long"},
}

func badURL(text string) string { return `{"title":"a","audio_url":"` + text + `"}` }

func badLanguage(tag string) string { return `{` + valid + `,"language":"` + tag + `"}` }

var badPatches = []badRow{
	{`{"language":"en-x` + strings.Repeat("-abcdefgh", 11) + `"}`, "422 language: must be at most 100 characters long"},
	{``, "400 The body is empty: send a JSON object."},
	{`null`, notObject},
	{`[{"op":"replace","path":"/title","value":"a"}]`, notObject},
	{`{"id":2}`, "400 id: unknown: allowed are title, language, status, transcript, duration_seconds, error"},
	{`{"audio_url":"https://e.com/b"}`, "400 audio_url: unknown: allowed are title, language, status, transcript, duration_seconds, error"},
	{`{"created_at":"2026-01-01T00:00:00Z"}`, "400 created_at: unknown: allowed are title, language, status, transcript, duration_seconds, error"},
	{`{"title":"a","title":"b"}`, "400 title: given twice"},
	{`{"title":null}`, "422 title: must not be null"},
	{`{"language":null,"status":null}`, "422 language: must not be null; status: must not be null"},
	{`{"title":""}`, "422 title: must not be empty"},
	{`{"title":"\u2003"}`, "422 title: must not be only white space"},
	{`{"title":"\u0000"}`, "422 title: must not contain the control character U+0000"},
	{`{"title":"` + strings.Repeat("é", 201) + `"}`, "422 title: must be at most 200 characters long"},
	{`{"title":1}`, "400 title: must be a string"},
	{`{"language":""}`, "422 language: must not be empty"},
	{`{"language":"klingon-klingon"}`, inTag + "which begins with a language's code of 2 or 3 letters, such as en or pt-BR"},
	{`{"status":""}`, notStatus},
	{`{"status":"done"}`, notStatus},
	{`{"status":"Pending"}`, notStatus},
	{`{"status":"pending processing"}`, notStatus},
	{`{"status":1}`, "400 status: must be a string"},
	{`{"status":["pending"]}`, "400 status: must be a string"},
	{`{"status":"pending\u0000"}`, notStatus},
	{`{"status":"processed"}`, "409 status may not change from pending to processed."},
	{`{"status":"failed"}`, "409 status may not change from pending to failed."},
	{`{"status":"pending"}`, "409 status may not change from pending to pending."},
	{`{"transcript":1}`, "400 transcript: must be a string"},
	{`{"transcript":{}}`, "400 transcript: must be a string"},
	{`{"transcript":"\u0000"}`, "422 transcript: must not contain the character U+0000"},
	{`{"transcript":"` + strings.Repeat("a", 500_001) + `"}`, "422 transcript: must be at most 500000 characters long"},
	{`{"error":true}`, "400 error: must be a string"},
	{`{"error":"a\u0000"}`, "422 error: must not contain the character U+0000"},
	{`{"error":"` + strings.Repeat("é", 2001) + `"}`, "422 error: must be at most 2000 characters long"},
	{`{"duration_seconds":"1"}`, "400 duration_seconds: must be a number, without quotes"},
	{`{"duration_seconds":true}`, "400 duration_seconds: must be a number"},
	{`{"duration_seconds":[1]}`, "400 duration_seconds: must be a number"},
	{`{"duration_seconds":-1}`, "422 duration_seconds: must be at least 0"},
	{`{"duration_seconds":-1e-300}`, "422 duration_seconds: must be at least 0"},
	{`{"duration_seconds":1e309}`, "422 duration_seconds: is too large a number"},
	{`{"duration_seconds":-1e309}`, "422 duration_seconds: must be at least 0"},
	{`{"duration_seconds":1` + strings.Repeat("0", 400) + `}`, "422 duration_seconds: is too large a number"},
	{`{"duration_seconds":NaN}`, "400 The body is not valid JSON, at byte 20."},
	{`{"duration_seconds":Infinity}`, "400 The body is not valid JSON, at byte 20."},
	{`{"duration_seconds":.5}`, "400 The body is not valid JSON, at byte 20."},
	{`{"duration_seconds":01}`, "400 The body is not valid JSON, at byte 21."},
	{`{"duration_seconds":0x10}`, "400 The body is not valid JSON, at byte 21."},
	{`{"duration_seconds":1e}`, "400 The body is not valid JSON, at byte 22."},
	{`{"duration_seconds":+1}`, "400 The body is not valid JSON, at byte 20."},
	{`{"title":"","language":"_","status":"x","transcript":"\u0000","duration_seconds":-1,"error":"\u0000"}`, "422 title: must not be empty; language: must be a BCP 47 language tag, with hyphens and no underscores, such as en or pt-BR; status: must be one of: pending, processing, processed, failed; transcript: must not contain the character U+0000; duration_seconds: must be at least 0; error: must not contain the character U+0000"},
	{`{"title":5,"status":"x"}`, "400 title: must be a string"},
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	s := start(t)
	path := create(t, s)
	before := s.Do(t, "GET", path, "")
	for _, table := range []struct {
		method, path string
		rows         []badRow
	}{{"POST", "/items", badPosts}, {"PATCH", path, badPatches}} {
		for _, row := range table.rows {
			answer := s.Do(t, table.method, table.path, row.in)
			answer.CheckProblem(t, row.in)
			if got := answer.Summary(); got != row.want {
				t.Errorf("%s %.80q\n got %s\nwant %s", table.method, row.in, got, row.want)
			}
		}
	}
	if n, after := rows(t, s), s.Do(t, "GET", path, ""); n != 1 || after.Body != before.Body {
		t.Errorf("bad input has left %d rows, and the item as %s", n, after.Body)
	}
}
