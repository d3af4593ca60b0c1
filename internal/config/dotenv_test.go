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

// Not parallel: it sets variables of the process. Each $ is either expanded, or kept where no shell would expand it, or
// a mistake: never dropped.
func TestEnvironDollar(t *testing.T) {
	t.Setenv("CONFIG_TEST_SET", "set")
	t.Setenv("CONFIG_TEST_EMPTY", "")
	t.Setenv("CONFIG_TEST_BOTH", "environment")
	const bad = "" // the text is refused
	for _, test := range []struct{ text, want string }{
		{`X=$TOKEN123`, bad},
		{`X=abc$DEF`, bad},
		{`X=ab$C9x`, bad},
		{`X=pa$word`, bad},
		{`X="a${UNSET}b"`, bad},
		{`X=a${UNSET}b`, bad},
		{`X=a$$`, bad},
		{`X=a$$b`, bad},
		{`X=$$$`, bad},
		{`X=$1`, bad},
		{`X=a$1b`, bad},
		{`X=a${`, bad},
		{`X=a${}`, bad},
		{`X=a${CONFIG_TEST_SET`, bad},
		{`X=${CONFIG_TEST_SET:-b}`, bad},
		{`X=a$(id)`, bad},
		{`X=$CONFIG_TEST_SETx`, bad},
		{`X=a${CONFIG_TEST_EMPTY}`, bad},
		{"EMPTY=\nX=a$EMPTY", bad},
		{"X=a$LATER\nLATER=b", bad},
		{`X=$X`, bad},
		{`export X=$UNSET`, bad},
		{`X: $UNSET`, bad},
		{"\ufeffX=$UNSET", bad},
		{"X=$UNSET\r\n", bad},
		{"X=\"a\nb$UNSET\"", bad},
		{`X=\\"$UNSET`, bad},
		{`X=one # costs $5 # really`, bad}, // the comment begins at the last #

		{`X='$TOKEN123'`, "$TOKEN123"},
		{`X='ab$C9x${UNSET}$$'`, "ab$C9x${UNSET}$$"},
		{"X= 'a\nb$C' # $UNSET", "a\nb$C"},
		{"X=\u00a0'$C'", "$C"},
		{`export X='$C'`, "$C"},
		{`X='a\$b'`, `a\$b`},
		{`X=abc$`, "abc$"},
		{`X="abc$"`, "abc$"},
		{`X=a$.b`, "a$.b"},
		{`X=a\$DEF`, "a$DEF"},
		{`X="a\$DEF"`, "a$DEF"},
		{`X="a\${DEF}"`, "a${DEF}"},
		{`X=a\$`, "a$"},
		{`X=a # costs $5`, "a"},
		{"# costs $5\nX=a", "a"},
		{`X=a${CONFIG_TEST_SET}b$CONFIG_TEST_SET`, "asetbset"},
		{`X="a${CONFIG_TEST_SET}b$CONFIG_TEST_SET"`, "asetbset"},
		{"EARLIER=one\nX=a${EARLIER}b", "aoneb"},
		{"earlier=one\nX=a$earlier", "aone"},
		{"EARLIER='$one'\nX=$EARLIER", "$one"},
		{"CONFIG_TEST_BOTH=file\nX=$CONFIG_TEST_BOTH", "environment"},
		{"Y='1' X=${CONFIG_TEST_SET}", "set"},
	} {
		path := writeDotenv(t, test.text)
		lookup, err := config.Environ(path)
		if test.want == bad {
			if err == nil || strings.Count(err.Error(), "\n") > 0 || !strings.Contains(err.Error(), "a $ in the value of X ") {
				t.Errorf("%q: %v", test.text, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
		} else if got, _ := lookup("X"); got != test.want {
			t.Errorf("%q: X is %q, want %q", test.text, got, test.want)
		}
	}
}

// All mistakes are told together, each with its line, none with the value.
func TestEnvironDollarMistakes(t *testing.T) {
	t.Parallel()
	path := writeDotenv(t, "# $UNSET\r\nA='\n$hunter2'\r\n\r\nAPI_KEYS=$hunter2\r\nB=1\r\nexport DATABASE_URL=\"postgres://u:hunter2$C9@h/db\"\r\n")
	_, err := config.Environ(path)
	const end = " does not lead to a variable that is set and not empty, in the environment or above this line; " +
		"a value that holds a $ itself stands in 'single quotes' (not shown: it may hold a secret)"
	want := path + ": line 5: a $ in the value of API_KEYS" + end + "\n" + path + ": line 7: a $ in the value of DATABASE_URL" + end
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}

// An empty line further down, as in a copy of .env.example, must not open what a line above closes.
func TestEnvironEmptiedAgain(t *testing.T) {
	t.Parallel()
	path := writeDotenv(t, "API_KEYS=hunter2\nPORT=1\nPORT=2\n\nAPI_KEYS=\n")
	want := path + ": line 5: API_KEYS is empty, but line 1 gives it a value; keep one of them"
	if _, err := config.Environ(path); err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
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
