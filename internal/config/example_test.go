package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/joho/godotenv"

	"example.com/transcription-api/internal/config"
)

// .env.example names exactly the variables that Load reads, and copying it changes nothing.
func TestExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, m := range regexp.MustCompile(`(?m)^(?:# )?([A-Z_]+)=`).FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, m[1])
	}
	slices.Sort(listed)
	if diff := cmp.Diff(names(), listed); diff != "" {
		t.Errorf("what Load reads and what is listed differ (-read +listed)\n%s", diff)
	}

	uncommented := regexp.MustCompile(`(?m)^# ([A-Z_]+=)`).ReplaceAllString(string(text), "$1")
	for _, text := range []string{string(text), uncommented} {
		vars := exampleVars(t, text)
		if text == uncommented {
			vars["DATABASE_URL"] = goodURL
		}
		if diff := cmp.Diff(defaults(), mustLoad(t, vars)); diff != "" {
			t.Errorf("(-default +example)\n%s", diff)
		}
	}
	if url, ok := exampleVars(t, string(text))["DATABASE_URL"]; ok {
		t.Errorf("DATABASE_URL=%s is not commented out: make run would not start a database of its own", url)
	}
	mustLoad(t, exampleVars(t, uncommented)) // the example of a URL is a good one
}

func exampleVars(t *testing.T, text string) map[string]string {
	t.Helper()
	vars, err := godotenv.Unmarshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return vars
}

// The documents name no setting that is not there, and the table of the pool's parameters has the defaults.
func TestDocuments(t *testing.T) {
	t.Parallel()
	vars := map[string]string{}
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../compose.yaml", "../../ops/*/*.yaml"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range regexp.MustCompile(`\bDB_[A-Z_]+[A-Z]\b`).FindAllString(string(text), -1) {
				if !slices.Contains(names(), name) {
					t.Errorf("%s: there is no setting %s", path, name)
				}
			}
			for _, m := range regexp.MustCompile("(?m)^\\|[^|]*\\| `(DB_[A-Z_]+)` \\| (\\S+)").FindAllStringSubmatch(string(text), -1) {
				vars[m[1]] = m[2]
			}
		}
	}
	if len(vars) < 10 {
		t.Errorf("docs/database.md has a table of %d settings", len(vars))
	}
	if diff := cmp.Diff(defaults(), mustLoad(t, vars)); diff != "" {
		t.Errorf("(-default +documents)\n%s", diff)
	}
}

func TestMisspelt(t *testing.T) {
	t.Parallel()
	for name, meant := range map[string]string{
		"DB_POOLSIZE": "DB_POOL_SIZE", "DATABSE_URL": "DATABASE_URL", "API_KEY": "API_KEYS", "DB_PGBOUNCR": "DB_PGBOUNCER", "LOGLEVEL": "LOG_LEVEL",
		"DB_POOL_SIZE": "", "DATABASE_URL": "", "POSTGRES_PASSWORD": "", "DB_HOST": "", "DB_NAME": "", "DB_USER": "", "HOSTNAME": "", "PATH": "", "PGHOST": "",
	} {
		want := ""
		if meant != "" {
			want = name + ": is not a setting of this service, and has no effect; meant: " + meant
		}
		if err := errors.Join(config.Misspelt([]string{name})...); (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
}

// Only what is named is read, and can be wrong.
func TestOnly(t *testing.T) {
	t.Parallel()
	c, err := config.Load(func(name string) (string, bool) { return "1", name != "ENVIRONMENT" }, "HOST", "PORT")
	if err != nil || c.Addr() != "1:1" || c.DB.PoolSize != 0 {
		t.Errorf("%v, %v", c, err)
	}
}
