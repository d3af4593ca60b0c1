//go:build !keys

// With keys ogen's client is made in another way.

package clients

import (
	"fmt"
	"testing"

	"example.com/transcription-api/clients/generated/ogen"
)

// as is a call's answer, if it is the one that was expected.
func as[T any](t *testing.T, what string, answer any, err error) T {
	t.Helper()
	ok(t, what, err)
	expected, isIt := answer.(T)
	if !isIt {
		t.Fatalf("%s: the answer is a %T: %v", what, answer, answer)
	}
	return expected
}

func ogenClient(t *testing.T) *ogen.Client {
	t.Helper()
	url, _ := api(t)
	c, err := ogen.NewClient(url)
	ok(t, "client", err)
	return c
}

func ogenCreate(t *testing.T, c *ogen.Client) *ogen.ItemHeaders {
	t.Helper()
	body := &ogen.NewItem{Title: "Interview", AudioURL: audio, Language: ogen.NewOptString("fr")}
	answer, err := c.CreateItem(t.Context(), body, ogen.CreateItemParams{})
	return as[*ogen.ItemHeaders](t, "create", answer, err)
}

func ogenGet[T any](t *testing.T, c *ogen.Client, id int64, tag ogen.OptString) T {
	t.Helper()
	answer, err := c.GetItem(t.Context(), ogen.GetItemParams{ID: id, IfNoneMatch: tag})
	return as[T](t, "get", answer, err)
}

func ogenHead[T any](t *testing.T, c *ogen.Client, id int64) T {
	t.Helper()
	answer, err := c.GetItemHead(t.Context(), ogen.GetItemHeadParams{ID: id})
	return as[T](t, "head", answer, err)
}

func ogenPatch[T any](t *testing.T, c *ogen.Client, body ogen.UpdateItemReq, id int64, tag ogen.OptString) T {
	t.Helper()
	answer, err := c.UpdateItem(t.Context(), body, ogen.UpdateItemParams{ID: id, IfMatch: tag})
	return as[T](t, "patch", answer, err)
}

func TestOgenLife(t *testing.T) {
	t.Parallel()
	c, none := ogenClient(t), ogen.OptString{}
	made := ogenCreate(t, c)
	id, tag := made.Response.ID, made.ETag
	is(t, "Location", made.Location, fmt.Sprintf("/items/%d", id))
	is(t, "title", ogenGet[*ogen.GetItemOKHeaders](t, c, id, none).Response.Title, "Interview")
	ogenGet[*ogen.GetItemNotModified](t, c, id, ogen.NewOptString(tag))
	is(t, "head's ETag", ogenHead[*ogen.GetItemHeadOK](t, c, id).ETag, tag)

	changed := ogenPatch[*ogen.GetItemOKHeaders](t, c, &ogen.UpdateItemApplicationJSON{
		Status: ogen.NewOptItemStatus("processing"), DurationSeconds: ogen.NewOptNilFloat64(duration), Transcript: ogen.NewOptNilString("Good morning."),
	}, id, ogen.NewOptString(tag))
	is(t, "duration", changed.Response.DurationSeconds.Value, duration)
	nulls := &ogen.UpdateItemApplicationMergePatchJSON{}
	nulls.DurationSeconds.SetToNull()
	nulls.Transcript.SetToNull()
	cleared := ogenPatch[*ogen.GetItemOKHeaders](t, c, nulls, id, none)
	is(t, "cleared", cleared.Response.DurationSeconds.IsNull() && cleared.Response.Transcript.IsNull(), true)

	ogenPatch[*ogen.ConflictHeaders](t, c, &ogen.UpdateItemApplicationJSON{Status: ogen.NewOptItemStatus("pending")}, id, none)
	ogenPatch[*ogen.PreconditionFailedHeaders](t, c, &ogen.UpdateItemApplicationJSON{Title: ogen.NewOptString("x")}, id, ogen.NewOptString(tag))
	blank := &ogen.UpdateItemApplicationJSON{Title: ogen.NewOptString("   ")} // which no pattern tells, so that ogen sends it
	broken := ogenPatch[*ogen.UnprocessableContentHeaders](t, c, blank, id, none)
	is(t, "field", broken.Response.Errors[0].Field, "title")

	answer, err := c.DeleteItem(t.Context(), ogen.DeleteItemParams{ID: id})
	as[*ogen.DeleteItemNoContent](t, "delete", answer, err)
	ogenGet[*ogen.NotFoundHeaders](t, c, id, none)
	ogenHead[*ogen.GetItemHeadNotFound](t, c, nobody)
}

func TestOgenPages(t *testing.T) {
	t.Parallel()
	c := ogenClient(t)
	seen := map[int64]bool{}
	for range 5 {
		seen[ogenCreate(t, c).Response.ID] = false
	}
	params := ogen.ListItemsParams{Limit: ogen.NewOptInt64(2), Language: ogen.NewOptString("fr")}
	for more := true; more; {
		answer, err := c.ListItems(t.Context(), params)
		page := as[*ogen.ItemPageHeaders](t, "list", answer, err).Response
		for _, item := range page.Items {
			seen[item.ID] = true
		}
		more = !page.NextCursor.IsNull()
		params.Cursor = ogen.NewOptString(page.NextCursor.Value)
	}
	for id, found := range seen {
		is(t, fmt.Sprintf("item %d on a page", id), found, true)
	}
}
