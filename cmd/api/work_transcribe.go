package main

import (
	"context"
	"errors"
	"fmt"

	"example.com/transcription-api/internal/config"
	"example.com/transcription-api/internal/models"
)

// A transcriber makes the transcript of one item's recording. It runs outside of
// any transaction. When ctx ends it has to return soon: the item's time is over,
// or the process stops. An item may come a second time, since a worker can die
// before the first transcript is saved. Its error becomes the item's, which
// clients read, and the item is tried again later, unless no attempt is left or
// the error is hopeless{err}. A panic counts as an error.
type transcriber func(ctx context.Context, item models.Item) (transcription, error)

type transcription struct {
	text    string
	seconds *float64 // how long the recording is; nil: not known
}

// newTranscriber is yours to replace: no speech engine comes with this service.
// What stands here makes up a text, so that the way of an item can be seen; in
// production it refuses to.
func newTranscriber(cfg config.Config) (transcriber, error) {
	if cfg.Environment == config.Production {
		return nil, errors.New("work: no speech engine: replace newTranscriber in cmd/api/work_transcribe.go")
	}
	return func(_ context.Context, item models.Item) (transcription, error) {
		return transcription{text: fmt.Sprintf("(No speech engine is built in. This stands for the transcript of %q.)", item.Title)}, nil
	}, nil
}
