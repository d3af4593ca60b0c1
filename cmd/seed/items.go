package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"example.com/transcription-api/internal/models"
)

// span is over how long the items' times are spread.
const span = 6 * 7 * 24 * time.Hour

// maker makes items up: from the same random source and time the same ones.
type maker struct {
	*rand.Rand
	now time.Time
}

func newMaker(source *rand.Rand, now time.Time) *maker {
	return &maker{source, now.UTC().Truncate(time.Microsecond)}
}

func (m *maker) items(n int) []models.Item {
	list := make([]models.Item, n)
	for i := range list {
		list[i] = m.item()
	}
	return list
}

// item is a recording of some day, on its way as far as its age lets one expect.
func (m *maker) item() models.Item {
	voice := m.voice()
	title, created := m.title(voice), m.moment()
	item := models.Item{
		Title: title, Language: voice.language, AudioURL: m.address(title, created),
		Status: m.status(m.now.Sub(created)), CreatedAt: created, UpdatedAt: created,
	}
	worked := created.Add(time.Duration(20+m.IntN(900)) * time.Second)
	if worked.After(m.now) {
		worked = m.now
	}
	switch item.Status {
	case models.Processed:
		text, seconds := m.transcript(voice)
		item.Transcript, item.DurationSeconds, item.UpdatedAt = &text, &seconds, worked
	case models.Failed:
		item.Error, item.UpdatedAt = new(pick(m, failures)), worked
	case models.Processing: // by a worker, which has it for a while
		item.LeaseUntil, item.UpdatedAt = new(m.now.Add(time.Duration(1+m.IntN(10))*time.Minute)), worked
	}
	return item
}

// voice prefers the first ones of the list, as the world does.
func (m *maker) voice() voice { return voices[min(m.IntN(len(voices)), m.IntN(len(voices)))] }

func (m *maker) title(v voice) string {
	return strings.NewReplacer(
		"{name}", pick(m, v.names), "{topic}", pick(m, v.topics), "{n}", strconv.Itoa(1+m.IntN(80)),
	).Replace(pick(m, v.titles))
}

// moment is in working hours, mostly, of a day that is rather a late one.
func (m *maker) moment() time.Time {
	for {
		age := time.Duration(m.Float64() * m.Float64() * float64(span))
		at := m.now.Add(-age)
		day, hour := at.Weekday(), at.Hour()
		atWork := day != time.Saturday && day != time.Sunday && hour >= 8 && hour < 19
		if atWork || m.IntN(5) == 0 || age < 2*time.Hour {
			return at.Truncate(time.Microsecond)
		}
	}
}

// status: what is older than a day is done, one way or the other.
func (m *maker) status(age time.Duration) models.ItemStatus {
	chance := m.IntN(100)
	switch {
	case chance < 7:
		return models.Failed
	case age < 24*time.Hour && chance < 20:
		return models.Processing
	case age < 24*time.Hour && chance < 70:
		return models.Pending
	default:
		return models.Processed
	}
}

// address is where an uploader would put the recording.
func (m *maker) address(title string, created time.Time) string {
	plain := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	name := strings.Join(append(plain, fmt.Sprintf("%08x", m.Uint32())), "-")
	return pick(m, stores) + created.Format("/2006/01/02/") + name + pick(m, []string{".mp3", ".wav", ".m4a", ".flac"})
}

// transcript is as long as its recording: people say some 150 words in a minute.
func (m *maker) transcript(v voice) (text string, seconds float64) {
	var sentences []string
	for range 3 + m.IntN(40) {
		sentences = append(sentences, strings.NewReplacer("{name}", pick(m, v.names), "{topic}", pick(m, v.topics)).Replace(pick(m, v.sentences)))
	}
	text = strings.Join(sentences, " ")
	words := max(len(strings.Fields(text)), len([]rune(text))/6) // some languages write no spaces
	return text, float64(int(float64(words)*(350+m.Float64()*100))) / 1000
}

func pick[T any](m *maker, from []T) T { return from[m.IntN(len(from))] }
