package clients

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/oapi-codegen/nullable"

	"example.com/transcription-api/clients/generated/oapi"
)

func ptr[T any](value T) *T { return &value }

func oapiClient(t *testing.T, url, key string) *oapi.ClientWithResponses {
	t.Helper()
	c, err := oapi.NewClientWithResponses(url, oapi.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		return nil
	}))
	ok(t, "client", err)
	return c
}

func oapiCreate(t *testing.T, c *oapi.ClientWithResponses) *oapi.CreateItemResponse {
	t.Helper()
	made, err := c.CreateItemWithResponse(t.Context(), nil, oapi.NewItem{Title: "Interview", AudioUrl: audio, Language: ptr("de")})
	ok(t, "create", err)
	is(t, "create", made.StatusCode(), http.StatusCreated)
	return made
}

func TestOapiCodegenLife(t *testing.T) {
	t.Parallel()
	url, key := api(t)
	c, ctx := oapiClient(t, url, key), t.Context()
	made := oapiCreate(t, c)
	id, tag := made.JSON201.Id, made.Headers201.ETag
	is(t, "status", made.JSON201.Status, oapi.ItemStatus("pending"))

	got, err := c.GetItemWithResponse(ctx, id, nil)
	ok(t, "get", err)
	is(t, "title", got.JSON200.Title, "Interview")
	same, err := c.GetItemWithResponse(ctx, id, &oapi.GetItemParams{IfNoneMatch: &tag})
	ok(t, "get again", err)
	is(t, "get again", same.StatusCode(), http.StatusNotModified)
	head, err := c.GetItemHeadWithResponse(ctx, id, nil)
	ok(t, "head", err)
	is(t, "head's ETag", head.Headers200.ETag, tag)

	changed, err := c.UpdateItemWithResponse(ctx, id, &oapi.UpdateItemParams{IfMatch: &tag}, oapi.ItemChanges{
		Status: ptr(oapi.ItemStatus("processing")), DurationSeconds: nullable.NewNullableWithValue(duration), Transcript: nullable.NewNullableWithValue("Good morning."),
	})
	ok(t, "patch", err)
	is(t, "patch", changed.StatusCode(), http.StatusOK)
	is(t, "duration", changed.JSON200.DurationSeconds.MustGet(), duration)
	cleared, err := c.UpdateItemWithApplicationMergePatchPlusJSONBodyWithResponse(ctx, id, nil, oapi.ItemChanges{
		DurationSeconds: nullable.NewNullNullable[float64](), Transcript: nullable.NewNullNullable[string](),
	})
	ok(t, "clear", err)
	is(t, "clear", cleared.StatusCode(), http.StatusOK)
	is(t, "cleared", cleared.JSON200.DurationSeconds.IsNull() && cleared.JSON200.Transcript.IsNull(), true)
	oapiRefusals(t, c, id, tag)

	gone, err := c.DeleteItemWithResponse(ctx, id, nil)
	ok(t, "delete", err)
	is(t, "delete", gone.StatusCode(), http.StatusNoContent)
	missing, err := c.GetItemWithResponse(ctx, id, nil)
	ok(t, "get what is gone", err)
	is(t, "get what is gone", missing.StatusCode(), http.StatusNotFound)
	is(t, "the problem", missing.ApplicationproblemJSON404.Status, http.StatusNotFound)
}

func oapiRefusals(t *testing.T, c *oapi.ClientWithResponses, id int64, stale string) {
	t.Helper()
	patch := func(want int, params *oapi.UpdateItemParams, body oapi.ItemChanges) *oapi.UpdateItemResponse {
		t.Helper()
		answer, err := c.UpdateItemWithResponse(t.Context(), id, params, body)
		ok(t, "patch", err)
		is(t, "patch", answer.StatusCode(), want)
		return answer
	}
	moved := patch(http.StatusConflict, nil, oapi.ItemChanges{Status: ptr(oapi.ItemStatus("pending"))})
	is(t, "move", moved.ApplicationproblemJSON409.Status, http.StatusConflict)
	old := patch(http.StatusPreconditionFailed, &oapi.UpdateItemParams{IfMatch: &stale}, oapi.ItemChanges{Title: ptr("x")})
	is(t, "stale", old.ApplicationproblemJSON412.Status, http.StatusPreconditionFailed)
	broken := patch(http.StatusUnprocessableEntity, nil, oapi.ItemChanges{Title: ptr("")})
	is(t, "field", (*broken.ApplicationproblemJSON422.Errors)[0].Field, "title")
	gone, err := c.GetItemHeadWithResponse(t.Context(), nobody, nil)
	ok(t, "head", err)
	is(t, "head", gone.StatusCode(), http.StatusNotFound)
}

func TestOapiCodegenPages(t *testing.T) {
	t.Parallel()
	url, key := api(t)
	c := oapiClient(t, url, key)
	seen := map[int64]bool{}
	for range 5 {
		seen[oapiCreate(t, c).JSON201.Id] = false
	}
	for cursor := (*string)(nil); ; {
		page, err := c.ListItemsWithResponse(t.Context(), &oapi.ListItemsParams{Limit: ptr(int64(2)), Cursor: cursor, Language: ptr("de")})
		ok(t, "list", err)
		is(t, "list", page.StatusCode(), http.StatusOK)
		for _, item := range page.JSON200.Items {
			seen[item.Id] = true
		}
		if page.JSON200.NextCursor.IsNull() {
			break
		}
		cursor = ptr(page.JSON200.NextCursor.MustGet())
	}
	for id, found := range seen {
		is(t, fmt.Sprintf("item %d on a page", id), found, true)
	}
}

// TestOapiCodegenKey: with keys a caller without one is refused; the health is open to all.
func TestOapiCodegenKey(t *testing.T) {
	t.Parallel()
	url, key := api(t)
	want := http.StatusOK
	if key != "" {
		want = http.StatusUnauthorized
	}
	c := oapiClient(t, url, "")
	list, err := c.ListItemsWithResponse(t.Context(), nil)
	ok(t, "list", err)
	is(t, "list", list.StatusCode(), want)
	health, err := c.PoolWithResponse(t.Context(), nil)
	ok(t, "health", err)
	is(t, "health", health.JSON200.Status, oapi.PoolStatusStatus("ok"))
}
