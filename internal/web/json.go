package web

import (
	"bytes"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// This file alone names the module that becomes encoding/json/v2 in Go 1.27:
// then its imports change, and nothing else.

type (
	rawJSON     = jsontext.Value
	jsonKind    = jsontext.Kind
	jsonDecoder = jsontext.Decoder
	syntaxError = jsontext.SyntacticError
)

var errRepeatedName = jsontext.ErrDuplicateName

// Marshal returns the value as JSON, or an error if a text is not UTF-8. It
// leaves <, > and & in texts as they are, sorts the keys of maps, and an empty
// list is [] whatever its Go value.
func Marshal(value any) ([]byte, error) { return json.Marshal(value, json.Deterministic(true)) }

// marshalTo is Marshal into a buffer. After an error there is half a text in it.
func marshalTo(body *bytes.Buffer, value any) error {
	return json.MarshalWrite(body, value, json.Deterministic(true))
}

// checkJSON reports what keeps a text from being one JSON document in UTF-8
// without repeated names.
func checkJSON(text []byte) error {
	if rawJSON(text).IsValid() {
		return nil
	}
	var value any
	return json.Unmarshal(text, &value)
}

// readAny reads a value of no given type.
func readAny(text rawJSON, into any) error { return json.Unmarshal(text, into) }

// newDecoder reads a text that checkJSON has passed.
func newDecoder(text []byte) *jsonDecoder {
	return jsontext.NewDecoder(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

func quote(text string) rawJSON {
	quoted, _ := jsontext.AppendQuote(nil, text) // has replaced what is not UTF-8
	return quoted
}
