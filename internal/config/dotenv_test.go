package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/joho/godotenv"

	"example.com/transcription-api/internal/config"
)

func writeDotenv(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), ".env")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Not parallel: it sets variables of the process.
func TestEnvironPrecedence(t *testing.T) {
	t.Setenv("CONFIG_TEST_BOTH", "environment")
	t.Setenv("CONFIG_TEST_EMPTY", "")
	lookup, err := config.Environ(writeDotenv(t, "\ufeffCONFIG_TEST_BOTH=file\r\nCONFIG_TEST_EMPTY=file\r\n"+
		"export CONFIG_TEST_FILE='fi$le #1' # comment\r\nCONFIG_TEST_LAST=last"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, want string
		set        bool
	}{
		{"CONFIG_TEST_BOTH", "environment", true},
		{"CONFIG_TEST_EMPTY", "", true},
		{"CONFIG_TEST_FILE", "fi$le #1", true},
		{"CONFIG_TEST_LAST", "last", true},
		{"CONFIG_TEST_NEITHER", "", false},
	} {
		if got, set := lookup(test.name); got != test.want || set != test.set {
			t.Errorf("%s = %q, %v; want %q, %v", test.name, got, set, test.want, test.set)
		}
	}
	if v, set := os.LookupEnv("CONFIG_TEST_FILE"); set {
		t.Errorf("the process's environment now has CONFIG_TEST_FILE=%q", v)
	}
}

func TestEnvironWithoutFile(t *testing.T) {
	t.Parallel()
	lookup, err := config.Environ(filepath.Join(t.TempDir(), ".env"))
	if err != nil {
		t.Fatal(err)
	}
	if path, ok := lookup("PATH"); !ok || path != os.Getenv("PATH") {
		t.Errorf("PATH = %q, %v", path, ok)
	}
}

func TestEnvironUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := config.Environ(dir); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("a directory in place of the file: %v", err)
	}
}

// The error gives file and line, and shows nothing of the file.
func TestEnvironMalformed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, line string }{
		{"hunter2", "1"},
		{"hunter2\n", "1"},
		{"=hunter2\n", "1"},
		{"A=1\n\n# comment\nhunter2 hunter2\nB=2\n", "4"},
		{"A=1\nhunter2", "2"},
		{"A='1\n2'\nB=\"hunter2\n", "3"},
		{"A=1\r\nB='hunter2\r\nC=hunter2\r\n", "2"},
		{"A=\"hunter2\nB=\"hunter2\"\n", "1"},
		{"A=1\nB-hunter2=hunter2\n", "2"},
	} {
		path := writeDotenv(t, test.text)
		_, err := config.Environ(path)
		want := path + ": line " + test.line + " is not NAME=value, or its quotes do not close (not shown: it may hold a secret)"
		if err == nil || err.Error() != want {
			t.Errorf("%q:\n got %v\nwant %s", test.text, err, want)
		}
	}
}

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
