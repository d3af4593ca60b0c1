//go:build unix

package dotenv_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.com/transcription-api/internal/config/dotenv"
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
	env, err := dotenv.Read(writeDotenv(t, "\ufeffCONFIG_TEST_BOTH=file\r\nCONFIG_TEST_EMPTY=file\r\n"+
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
		if got, set := env.Lookup(test.name); got != test.want || set != test.set {
			t.Errorf("%s = %q, %v; want %q, %v", test.name, got, set, test.want, test.set)
		}
	}
	if v, set := os.LookupEnv("CONFIG_TEST_FILE"); set {
		t.Errorf("the process's environment now has CONFIG_TEST_FILE=%q", v)
	}
}

func TestEnvironWithoutFile(t *testing.T) {
	t.Parallel()
	env, err := dotenv.Read(filepath.Join(t.TempDir(), ".env"))
	if err != nil {
		t.Fatal(err)
	}
	if path, ok := env.Lookup("PATH"); !ok || path != os.Getenv("PATH") {
		t.Errorf("PATH = %q, %v", path, ok)
	}
}

// What has no end, or none before somebody writes, is not waited for.
func TestEnvironUnreadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:         ": is not a regular file",
		pipe:        ": is not a regular file",
		"/dev/zero": ": is not a regular file",
		writeDotenv(t, strings.Repeat("#", 1<<20)+"\n"): ": is larger than 1048576 bytes",
	} {
		if _, err := dotenv.Read(path); err == nil || err.Error() != path+want {
			t.Errorf("%s: %v, want %s", path, err, want)
		}
	}
	if _, err := dotenv.Read(writeDotenv(t, strings.Repeat("#", 1<<20-1)+"\n")); err != nil {
		t.Errorf("the largest file: %v", err)
	}
}

// Not parallel: it sets variables of the process.
func TestNames(t *testing.T) {
	t.Setenv("CONFIG_TEST_ONE", "")
	t.Setenv("OTHER_CONFIG_TEST", "")
	env, err := dotenv.Read(writeDotenv(t, "B=1\nCONFIG_TEST_ONE=2\nA='1\n2'\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(env.Names("CONFIG_TEST_"), " "); got != "A B CONFIG_TEST_ONE" {
		t.Errorf("names: %s", got)
	}
}

// The error gives file and line, and shows nothing of the file.
func TestEnvironMalformed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, lines string }{
		{"A=1\nhunter2\nB=2\nhunter2 hunter2\nC='hunter2\n", "2 4 5"}, // all at once
		{"hunter2", "1"},
		{"hunter2\n", "1"},
		{"=hunter2\n", "1"},
		{"A=1\n\n# comment\nhunter2 hunter2\nB=2\n", "4"},
		{"A=1\nhunter2", "2"},
		{"A='1\n2'\nB=\"hunter2\n", "3"},
		{"A=1\r\nB='hunter2\r\nC=hunter2\r\n", "2"},
		{"A=\"hunter2\nB=\"hunter2\"\n", "1"},
		{"A=1\nB-hunter2=hunter2\n", "2"},
		{"A=1\nB='2' C=hunter2\n", "2"},
		{"A=1\r\nset B=hunter2\r\n", "2"}, // as in a batch file: B would not be set
		{`A="hunter2\""`, "1"},            // it would be hunter2\
		{"A='hunter2\\'' # hunter2\nB=2", "1"},
	} {
		path := writeDotenv(t, test.text)
		_, err := dotenv.Read(path)
		var want []string
		for line := range strings.FieldsSeq(test.lines) {
			want = append(want, path+": line "+line+" is not NAME=value, or its quotes do not close (not shown: it may hold a secret)")
		}
		if err == nil || err.Error() != strings.Join(want, "\n") {
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
	} {
		path := writeDotenv(t, test.text)
		env, err := dotenv.Read(path)
		if test.want == bad {
			if err == nil || strings.Count(err.Error(), "\n") > 0 || !strings.Contains(err.Error(), "a $ in the value of X ") {
				t.Errorf("%q: %v", test.text, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
		} else if got, _ := env.Lookup("X"); got != test.want {
			t.Errorf("%q: X is %q, want %q", test.text, got, test.want)
		}
	}
}

// All mistakes are told together, each with its line, none with the value.
func TestEnvironDollarMistakes(t *testing.T) {
	t.Parallel()
	path := writeDotenv(t, "# $UNSET\r\nA='\n$hunter2'\r\n\r\nAPI_KEYS=$hunter2\r\nB=1\r\nexport DATABASE_URL=\"postgres://u:hunter2$C9@h/db\"\r\n")
	_, err := dotenv.Read(path)
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
	if _, err := dotenv.Read(path); err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}
