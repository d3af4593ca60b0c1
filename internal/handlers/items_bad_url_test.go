package handlers_test

import "testing"

const (
	space    = "must not contain white space: percent-encode a space as %20"
	absolute = "must be an absolute URL: begin with https://, http://, s3:// or gs://"
	scheme   = "must have the scheme http, https, s3 or gs"
	noHost   = "must name a host after https://"
	badHost  = "must have a host of letters, digits, dots and hyphens"
	badPort  = "must have a port from 1 to 65535"
	noNumber = "must have a port that is a number"
	badSix   = "must have a valid IPv6 address in the brackets"
	badFour  = "must have a valid IPv4 address, of four numbers up to 255, or a host's name"
	noOne    = "must have the address of one host"
	userInfo = "must not contain a user name or password: everybody who may read the item would read them"
	bucket   = "must have a bucket of letters, digits, dots, hyphens and underscores"
	percent  = "must have two hexadecimal digits after each %: write %25 for a % itself"
	tooLong  = "must have a valid host: its parts have 1 to 63 characters, 253 in all"
)

// TestBadURLs: each way in which a URL can be wrong has its own sentence, which is true of it.
func TestBadURLs(t *testing.T) {
	t.Parallel()
	s := start(t)
	label := "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" // 63
	for _, row := range []badRow{
		{`s3://bucket/my file.wav`, space},
		{`https://exam ple.com/`, space},
		{` https://example.com/`, space},
		{`https://example.com/ `, space},
		{`https://example.com/\n`, "must not contain white space, such as U+000A"},
		{`https://example.com/\u00a0`, "must not contain white space, such as U+00A0"},
		{`https://example.com/\u3000`, "must not contain white space, such as U+3000"},
		{`https://example.com/\u0000`, "must not contain the control character U+0000"},
		{`https://example.com/\u001b[31m`, "must not contain the control character U+001B"},
		{`https://example.com/\u007f`, "must not contain the control character U+007F"},
		{`https://example.com/\u009b`, "must not contain the control character U+009B"},
		{`https://exam\u200bple.com/`, "must not contain the invisible character U+200B"},
		{`https://example.com/\u202egpj.wav`, "must not contain the invisible character U+202E"},
		{`https://example.com/a\ufeff`, "must not contain the invisible character U+FEFF"},
		{`https://exa\u00admple.com/`, "must not contain the invisible character U+00AD"},
		{`https://exa\\mple.com/`, "must not contain a backslash: percent-encode it as %5C"},
		{`https:\\\\example.com`, "must not contain a backslash: percent-encode it as %5C"},
		{`a.wav`, absolute},
		{`/a.wav`, absolute},
		{`/a:b.wav`, absolute},
		{`//example.com/a.wav`, absolute},
		{`example.com:80/a.wav`, absolute},
		{`?a:b`, absolute},
		{`://example.com`, scheme},
		{`ftp://example.com/a.wav`, scheme},
		{`file:///etc/passwd`, scheme},
		{`javascript:alert(1)`, scheme},
		{`data:audio/wav;base64,AA`, scheme},
		{`localhost:8080/a.wav`, scheme},
		{`http:`, "must have // after http:"},
		{`http:/example.com`, "must have // after http:"},
		{`S3:bucket/key`, "must have // after s3:"},
		{`https://`, noHost},
		{`https:///a.wav`, noHost},
		{`https://:443/a.wav`, noHost},
		{`https://?a`, noHost},
		{`https://#a`, noHost},
		{`https://user@/a`, userInfo},
		{`https://user:password@example.com/a`, userInfo},
		{`https://token@example.com/a`, userInfo},
		{`https://@example.com/a`, userInfo},
		{`s3://key:secret@bucket/a`, userInfo},
		{`https://example.com:port/`, noNumber},
		{`https://example.com:-1/`, noNumber},
		{`https://example.com:+80/`, noNumber},
		{`https://[::1]:x/`, noNumber},
		{`https://example.com:0/`, badPort},
		{`https://example.com:00/`, badPort},
		{`https://example.com:65536/`, badPort},
		{`https://example.com:99999/`, badPort},
		{`https://example.com:99999999999999999999/`, badPort},
		{`https://[::1/a.wav`, badSix},
		{`https://[]/a.wav`, badSix},
		{`https://[::g]/a.wav`, badSix},
		{`https://[127.0.0.1]/a.wav`, badSix},
		{`https://[fe80::1%25eth0]/a.wav`, badSix},
		{`https://[::1]x/a.wav`, badSix},
		{`https://[::]/a.wav`, noOne},
		{`https://[ff02::1]/a.wav`, noOne},
		{`https://[::ffff:0.0.0.0]/a.wav`, noOne},
		{`https://0.0.0.0/a.wav`, noOne},
		{`https://255.255.255.255/a.wav`, noOne},
		{`https://224.0.0.1/a.wav`, noOne},
		{`https://256.1.1.1/a.wav`, badFour},
		{`https://1.2.3/a.wav`, badFour},
		{`https://2130706433/a.wav`, badFour},
		{`https://0177.0.0.1/a.wav`, badFour},
		{`https://127.0.0.0x1/a.wav`, badFour},
		{`https://a::1/a.wav`, badHost},
		{`https://exam!ple.com/`, badHost},
		{`https://exam\"ple.com/`, badHost},
		{`https://a,b/`, badHost},
		{`https://<host>/`, badHost},
		{`https://😀\ud83d\ude00{}/`, badHost},
		{`https://exam%70le.com/`, "must not have a % in the host"},
		{`https://./a.wav`, tooLong},
		{`https://a..b/a.wav`, tooLong},
		{`https://.a/a.wav`, tooLong},
		{`https://` + label + `a.example/`, tooLong},
		{`https://` + label + "." + label + "." + label + "." + label + `.example/`, tooLong},
		{`https://example.com/%zz`, percent},
		{`https://example.com/100%`, percent},
		{`https://example.com/a?b=%4`, percent},
		{`s3:///key`, "must name a bucket after s3://"},
		{`gs://?a`, "must name a bucket after gs://"},
		{`s3://bucket:9000/key`, bucket},
		{`s3://bücket/key`, bucket},
		{`gs://[bucket]/key`, bucket},
	} {
		answer := s.Do(t, "POST", "/items", badURL(row.in))
		if got := answer.Summary(); got != "422 audio_url: "+row.want {
			t.Errorf("%q\n got %s\nwant %s", row.in, got, row.want)
		}
	}
	if n := rows(t, s); n != 0 {
		t.Errorf("%d of them are stored", n)
	}
}

// TestBadTitles: what a terminal, a log or a reader would stumble over.
func TestBadTitles(t *testing.T) {
	t.Parallel()
	s := start(t)
	const onlySpace, onlyInvisible = "must not be only white space", "must not be only invisible characters"
	for _, row := range []badRow{
		{`\u00a0\u2003\u3000 `, onlySpace},
		{`\u200b`, onlyInvisible},
		{`\u2060`, onlyInvisible},
		{`\ufeff`, onlyInvisible},
		{`\u00ad`, onlyInvisible},
		{` \u200b\u200e\u3164 `, onlyInvisible},
		{`\u115f\u1160\uffa0`, onlyInvisible},
		{`\ufe0f`, onlyInvisible},
		{`\udb40\udc41`, onlyInvisible}, // a tag
		{`a\nb`, "must be one line, without U+000A"},
		{`a\r\n`, "must be one line, without U+000D"},
		{`a\u2028b`, "must be one line, without U+2028"},
		{`a\u2029b`, "must be one line, without U+2029"},
		{`a\tb`, "must not contain the control character U+0009"},
		{`\u001b[2Ja`, "must not contain the control character U+001B"},
		{`a\u0007`, "must not contain the control character U+0007"},
		{`a\u007f`, "must not contain the control character U+007F"},
		{`a\u0085`, "must not contain the control character U+0085"},
		{`\u009b31ma`, "must not contain the control character U+009B"},
		{`a\u202egpj.wav`, "must not contain U+202E, which turns the direction of writing"},
		{`a\u202ab`, "must not contain U+202A, which turns the direction of writing"},
		{`a\u202cb`, "must not contain U+202C, which turns the direction of writing"},
		{`a\u2066b`, "must not contain U+2066, which turns the direction of writing"},
		{`a\u2069b`, "must not contain U+2069, which turns the direction of writing"},
	} {
		if got := s.Do(t, "POST", "/items", postTitle(row.in)).Summary(); got != "422 title: "+row.want {
			t.Errorf("%q\n got %s\nwant %s", row.in, got, row.want)
		}
	}
}

// TestOldRowsGoOn: a row of before a rule can still be claimed and finished.
func TestOldRowsGoOn(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.Exec(t, "ALTER TABLE items DISABLE TRIGGER USER")
	s.Exec(t, `INSERT INTO items (id, title, audio_url) VALUES (1, E'a\tb', 'https://user:password@example.com/')`)
	s.Exec(t, "ALTER TABLE items ENABLE TRIGGER USER")
	if answer := s.Do(t, "PATCH", "/items/1", `{"status":"processing"}`); answer.Status != 200 {
		t.Error(answer.Summary())
	}
	if answer := s.Do(t, "PATCH", "/items/1", `{"title":"a b","error":"x"}`); answer.Status != 200 {
		t.Error(answer.Summary())
	}
}
