package models_test

import (
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// oldItem is from before the rules, and breaks each of them that does not hold for old rows.
const oldItem = `
ALTER TABLE items DISABLE TRIGGER items_valid;
INSERT INTO items (title, audio_url, language) VALUES (E'a\tb', 'https://user:password@example.com/a b', 'PT-br');
ALTER TABLE items ENABLE TRIGGER items_valid`

// TestRulesOfUpdates: UPDATE is refused what INSERT is. An old row may change in all but what breaks a rule.
func TestRulesOfUpdates(t *testing.T) {
	t.Parallel()
	conn := dbtest.Connect(t, dbtest.New(t))
	if _, err := conn.Exec(t.Context(), oldItem); err != nil {
		t.Fatal(err)
	}
	for set, want := range map[string]string{
		"status = 'processing'":                                  "",
		"title = title, audio_url = audio_url":                   "",
		"lease_until = '9999-12-31 23:59:59Z'":                   "",
		"language = NULL":                                        "23502",
		"language = ''":                                          "items_language_tag",
		"language = E'en\n'":                                     "items_language_tag",
		"title = NULL":                                           "23502",
		"title = ''":                                             "items_title_length",
		"title = title || 'c'":                                   "items_title_line",
		"title = U&'\\2003\\3000'":                               "items_title_visible",
		"audio_url = audio_url || 'c'":                           "items_audio_url_encoded",
		"audio_url = 'https://user:password@example.com/'":       "items_audio_url_no_password",
		"lease_until = 'infinity'":                               "items_times",
		"retry_at = '-infinity'":                                 "items_times",
		"created_at = '10000-01-01 00:00Z'":                      "items_times",
		"created_at = '0001-12-31 BC', retry_at = '2000-01-01Z'": "items_times",
	} {
		_, err := conn.Exec(t.Context(), "UPDATE items SET "+set)
		if got := refusedBy(t, err); got != want {
			t.Errorf("%s: refused by %q, want %q", set, got, want)
		}
	}
}

// TestRulesInOtherSessions: what a client has set changes no rule. A row whose language stays needs no search_path.
func TestRulesInOtherSessions(t *testing.T) {
	t.Parallel()
	url := dbtest.New(t)
	dbtest.Exec(t, url, "INSERT INTO items (title, audio_url, language) VALUES ('a', 'https://example.com/', 'pt-BR')")
	for _, setting := range []string{"search_path = pg_catalog", "standard_conforming_strings = off", "datestyle = 'SQL, DMY'", "timezone = 'Asia/Tokyo'"} {
		conn := dbtest.Connect(t, url)
		if _, err := conn.Exec(t.Context(), "SET "+setting); err != nil {
			t.Fatal(err)
		}
		for sql, want := range map[string]string{
			"UPDATE public.items SET status = 'pending'":                                                                 "",
			"INSERT INTO public.items (title, audio_url) VALUES ('b', 'https://example.com/b')":                          "",
			"INSERT INTO public.items (title, audio_url) VALUES ('b', 'https://example.com/' || chr(92))":                "items_audio_url_encoded",
			"INSERT INTO public.items (title, audio_url) VALUES (chr(8203), 'https://example.com/')":                     "items_title_visible",
			"INSERT INTO public.items (title, audio_url, retry_at) VALUES ('b', 'https://example.com/', '10000-01-01Z')": "items_times",
		} {
			_, err := conn.Exec(t.Context(), sql)
			if got := refusedBy(t, err); got != want {
				t.Errorf("SET %s: %s: refused by %q, want %q", setting, sql, got, want)
			}
		}
	}
}
