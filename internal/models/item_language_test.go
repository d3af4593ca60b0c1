package models_test

import (
	"errors"
	"testing"

	"gorm.io/gorm"

	"example.com/transcription-api/internal/db/dbtest"
	"example.com/transcription-api/internal/db/query"
	"example.com/transcription-api/internal/models"
)

// TestLanguagesAreCanonical: whoever writes a tag, in whatever case, it is found in every case.
func TestLanguagesAreCanonical(t *testing.T) {
	t.Parallel()
	conn, url := open(t)
	for given, want := range map[string]string{
		"EN": "en", "pt-br": "pt-BR", "PT-BR": "pt-BR", "ZH-hANT-tw": "zh-Hant-TW", "sl-ROZAJ-Biske-1994": "sl-rozaj-biske-1994",
		"EN-us-U-CO-Phonebk": "en-US-u-co-phonebk", "en-X-AB-Abcd": "en-x-ab-abcd", "X-Ab-ABCD": "x-ab-abcd", "es-419": "es-419",
		"i-KLINGON": "i-klingon", "de-CH-1901": "de-CH-1901", "SGN-be-fr": "sgn-BE-FR",
	} {
		if got := models.CanonicalLanguage(given); got != want {
			t.Errorf("%s: %s, want %s", given, got, want)
		}
		var stored string
		err := dbtest.Connect(t, url).QueryRow(t.Context(), `INSERT INTO items (title, audio_url, language)
			VALUES ('by another client', 'https://example.com/', $1) RETURNING language`, given).Scan(&stored)
		if err != nil || stored != want {
			t.Errorf("%s by SQL: %s, want %s: %v", given, stored, want, err)
		}
		item := create(t, conn)
		if item = mustUpdate(t, conn, item.ID, models.ItemChanges{Language: &given}, nil); item.Language != want {
			t.Errorf("%s by an update: %s, want %s", given, item.Language, want)
		}
		page, _ := list(t, conn, models.ItemFilter{Language: given, Limit: 1})
		if len(page) != 1 || page[0].ID != item.ID {
			t.Errorf("the filter %s finds %v, want item %d", given, ids(page), item.ID)
		}
	}
}

// TestOldLanguagesBecomeCanonical: of the rows that were there before the migration.
func TestOldLanguagesBecomeCanonical(t *testing.T) {
	t.Parallel()
	_, url := open(t)
	dbtest.Exec(t, url, "ALTER TABLE items DISABLE TRIGGER items_valid")
	dbtest.Exec(t, url, `INSERT INTO items (title, audio_url, language) VALUES ('old', 'https://example.com/', 'PT-br'), ('new', 'https://example.com/', 'pt-BR')`)
	dbtest.Exec(t, url, "UPDATE items SET language = canonical_language(language) WHERE language <> canonical_language(language)")
	var rows, changed int
	err := dbtest.Connect(t, url).QueryRow(t.Context(), "SELECT count(*), count(*) FILTER (WHERE version = 2) FROM items WHERE language = 'pt-BR'").Scan(&rows, &changed)
	if err != nil || rows != 2 || changed != 1 {
		t.Errorf("%d rows, %d of them changed: %v", rows, changed, err)
	}
}

// TestConditionsOnVersions: what Versions excludes is left alone.
func TestConditionsOnVersions(t *testing.T) {
	t.Parallel()
	conn, _ := open(t)
	item := create(t, conn)
	for _, test := range []struct {
		at   query.Versions
		want error
	}{
		{query.Versions{Not: []int64{item.Version}}, query.ErrExcluded},
		{query.Versions{None: true}, query.ErrExcluded},
		{query.Versions{Only: []int64{item.Version}, Not: []int64{7, item.Version}}, query.ErrExcluded},
		{query.Versions{Only: []int64{7}, None: true}, query.ErrModified},
		{query.Versions{Not: []int64{7}}, nil},
	} {
		err := conn.WithSession(t.Context(), func(tx *gorm.DB) error {
			_, err := models.UpdateItem(t.Context(), tx, item.ID, models.ItemChanges{}, test.at)
			return err
		})
		if !errors.Is(err, test.want) {
			t.Errorf("%+v: %v, want %v", test.at, err, test.want)
		}
	}
}
