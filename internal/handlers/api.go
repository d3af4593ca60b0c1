package handlers

import (
	"example.com/transcription-api/internal/web"
	"example.com/transcription-api/internal/web/app"
	"example.com/transcription-api/internal/web/openapi"
)

const aboutItems = "Audio to be transcribed, and what has become of it. A worker claims an item by moving it from `pending` to `processing`: " +
	"of two that try at once exactly one gets 200, the other 409. It then writes the transcript and moves the item to `processed`, or to `failed`, " +
	"from where it may go back to `pending`.\n\n"

const about = "Every error is a problem document (RFC 9457), also where there is no operation to name it: 404 for an unknown path, " +
	"405 for a method that a path does not have. An answer of 2xx means that the change is committed. " +
	"Members of requests that are not listed here are refused; members of answers may be added to. No text may contain U+0000."

// api is what the service is. By default a caller needs one of API_KEYS, if there
// are any; set Access for an access control of your own.
func api() app.API {
	return app.API{
		Routes: routes,
		API: openapi.API{
			Title: "Transcription API", Version: "1.0.0", Description: aboutItems + about, Rules: rules,
			Contact: openapi.Contact{Name: "The maintainers", URL: "https://example.com/transcription-api", Email: "api@example.com"},
			License: openapi.License{Name: "MIT", URL: "https://opensource.org/license/mit"},
			Tags: []openapi.Tag{
				{Name: "items", Description: "Audio files and their transcripts"},
			},
		},
	}
}

// rules are this API's own, for `validate` tags; rules.go checks them. docs/fields.md
// lists the others.
var rules = map[string]web.Rule{
	"line": {
		Check: lineFault,
		Message: "must be one line that holds something visible: no control characters (Cc), which line feeds and tabs are, " +
			"no line or paragraph separators (Zl, Zp), and no embeddings, overrides or isolates of the direction of writing (U+202A–U+202E, U+2066–U+2069)",
	},
	"audiourl": {
		Check: audioURLFault,
		Message: "must be an absolute URL of something that can be fetched, with the scheme http, https, s3 or gs: without user name and password, " +
			"white space, backslashes, control characters and invisible ones",
		Pattern: `^([hH][tT][tT][pP][sS]?|[sS]3|[gG][sS])://[^/?# @]`,
	},
	"language": {
		Check:   languageFault,
		Message: "must be a BCP 47 language tag, such as en or pt-BR",
		Pattern: `^[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8})*$`,
	},
}
