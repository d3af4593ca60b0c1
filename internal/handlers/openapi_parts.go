package handlers

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSONTo writes the members in order.
func (o object) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for _, m := range o {
		if err := enc.WriteToken(jsontext.String(m.name)); err != nil {
			return err
		}
		if err := json.MarshalEncode(enc, m.value); err != nil {
			return err
		}
	}
	return enc.WriteToken(jsontext.EndObject)
}

func (o object) get(name string) any {
	for _, m := range o {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// set adds a member, or replaces it.
func (o *object) set(name string, value any) {
	for i, m := range *o {
		if m.name == name {
			(*o)[i].value = value
			return
		}
	}
	*o = append(*o, member{name, value})
}

func ref(kind, name string) object { return object{{"$ref", "#/components/" + kind + "/" + name}} }

func rawJSON(text string) jsontext.Value { return jsontext.Value(text) }

const aboutAPI = "Audio to be transcribed, and what has become of it. A worker claims an item by moving it from `pending` to `processing`: " +
	"of two that try at once exactly one gets 200, the other 409. It then writes the transcript and moves the item to `processed`, or to `failed`, " +
	"from where it may go back to `pending`.\n\n" +
	"Every error is a problem document (RFC 9457), also where there is no operation to name it: 404 for an unknown path, " +
	"405 for a method that a path does not have. An answer of 2xx means that the change is committed. " +
	"Members of requests that are not listed here are refused; members of answers may be added to."

var tags = []object{
	{{"name", "items"}, {"description", "Audio files and their transcripts"}},
	{{"name", "health"}, {"description", "Probes; open to everybody"}},
	{{"name", "documents"}, {"description", "This description; open to everybody"}},
}

var bearer = object{
	{"type", "http"},
	{"scheme", "bearer"},
	{"description", "One of the keys in API_KEYS. Where that is not set, none is needed."},
}

var text = object{{"type", "string"}}

var parameters = object{
	{"id", object{
		{"name", "id"},
		{"in", "path"},
		{"required", true},
		{"description", "The resource's id. What can not be one is not found."},
		{"schema", object{{"type", "integer"}, {"format", "int64"}, {"minimum", 1}, {"examples", []int{1}}}},
	}},
	{"file", object{
		{"name", "file"},
		{"in", "path"},
		{"required", true},
		{"description", "A name that the page refers to."},
		{"schema", object{{"type", "string"}, {"examples", []string{"LICENSE"}}}},
	}},
	{"X-Request-ID", object{
		{"name", "X-Request-ID"},
		{"in", "header"},
		{"description", "Names the request in answers and logs. One that does not match is replaced, not refused."},
		{"schema", object{{"type", "string"}, {"pattern", saneID.String()}}},
	}},
	{"If-Match", object{
		{"name", "If-Match"},
		{"in", "header"},
		{"description", "Act only if the resource still has one of these ETags, or `*`."},
		{"schema", text},
	}},
	{"If-None-Match", object{
		{"name", "If-None-Match"},
		{"in", "header"},
		{"description", "Send the answer only if it has none of these ETags."},
		{"schema", text},
	}},
	{keyHeader, object{
		{"name", keyHeader},
		{"in", "header"},
		{"description", "A new text for each new request, such as a UUID, and the same one when the request is repeated: it is then carried out once, " +
			"and a repeat gets the first one's answer. In quotes or without. Forgotten after a time (a day, unless the service says otherwise); " +
			"free again after an error."},
		{"schema", object{{"type", "string"}, {"pattern", keyPattern.String()}, {"examples", []string{"8e03978e-40d5-43dd-bc93-6894a57f9324"}}}},
	}},
}

var headers = object{
	{"X-Request-ID", object{
		{"description", "The request's id, also in the log."},
		{"required", true},
		{"schema", object{{"type", "string"}, {"pattern", saneID.String()}}},
	}},
	{"ETag", object{
		{"description", "The version, for If-Match and If-None-Match. Changes with every update."},
		{"required", true},
		{"schema", object{{"type", "string"}, {"pattern", `^"[!#-~]+"$`}}},
	}},
	{"Location", object{
		{"description", "Where the new resource is."},
		{"required", true},
		{"schema", object{{"type", "string"}, {"pattern", `^/[a-z_-]+/[1-9][0-9]*$`}}},
	}},
	{"Allow", object{
		{"description", "The methods that the path has."},
		{"required", true},
		{"schema", object{{"type", "string"}, {"pattern", `^[A-Z]+(, ?[A-Z]+)*$`}}},
	}},
	{replayedHeader, object{
		{"description", "This is the answer to an earlier request with the same Idempotency-Key; nothing was done for this one."},
		{"schema", object{{"type", "boolean"}}},
	}},
	{"Retry-After", object{
		{"description", "Seconds."},
		{"required", true},
		{"schema", object{{"type", "integer"}, {"minimum", 0}}},
	}},
	{"WWW-Authenticate", object{
		{"description", "The scheme to use."},
		{"required", true},
		{"schema", object{{"type", "string"}, {"pattern", "^Bearer"}}},
	}},
}

// itemMoves are bodies of PATCH /items/{id}.
var itemMoves = []example{
	{"claim", "Claim a pending item", `{"status":"processing"}`},
	{"finish", "Write the transcript", `{"status":"processed","transcript":"Good morning.","duration_seconds":12.5}`},
	{"fail", "Give up", `{"status":"failed","error":"The file holds no audio."}`},
	{"retry", "Try again", `{"status":"pending","error":null}`},
}
