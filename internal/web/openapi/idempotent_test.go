package openapi_test

import (
	"testing"

	"example.com/transcription-api/internal/web"
)

// TestIdempotent: the key is a parameter, a first answer has no replay header, and a 409 may be final.
func TestIdempotent(t *testing.T) {
	t.Parallel()
	r := things()[2]
	r.Method, r.Idempotent = "POST", true
	_, doc := register(t, api, r)
	op := doc.Paths.Value("/things/{id}").Post
	key := op.Parameters.GetByInAndName("header", web.IdempotencyKey)
	if key == nil || key.Required || key.Schema.Value.Pattern != web.IdempotencyKeyPattern {
		t.Errorf("parameter: %+v", key)
	}
	if replayed := op.Responses.Status(200).Value.Headers[web.IdempotentReplayed]; replayed == nil || replayed.Value.Required {
		t.Errorf("header of a reply: %+v", replayed)
	}
	for _, status := range []int{400, 408, 409, 422} {
		if op.Responses.Status(status) == nil {
			t.Errorf("no %d", status)
		}
	}
	if conflict := op.Responses.Status(409); conflict != nil {
		if retry := conflict.Value.Headers["Retry-After"]; retry == nil || retry.Value.Required {
			t.Errorf("Retry-After of a 409: %+v", retry)
		}
	}
}
