package main

import (
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"example.com/transcription-api/internal/db/dbtest"
)

// TestReadme runs the README's curl commands, in their order, and compares what
// they print with what it shows; times, ids and figures may differ.
func TestReadme(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"DATABASE_URL": dbtest.New(t), "API_TEST_RUN_MAIN": "service"})
	ran := 0
	for _, step := range readmeCommands(t) {
		if !strings.HasPrefix(step.command, "curl ") {
			continue
		}
		command := strings.ReplaceAll(step.command, "http://127.0.0.1:8080", p.url())
		out, err := exec.CommandContext(t.Context(), "sh", "-c", command).Output()
		if err != nil {
			t.Fatalf("%s: %v", step.command, err)
		}
		if got, want := stable(string(out)), stable(step.output); got != want {
			t.Errorf("%s\nprints %s\nthe README shows %s", step.command, got, want)
		}
		ran++
	}
	if all := strings.Count(read(t, "../../README.md"), "curl "); ran == 0 || ran != all {
		t.Errorf("ran %d of %d curl commands", ran, all)
	}
	for _, link := range regexp.MustCompile(`\]\(http://127\.0\.0\.1:8080(/[^)]+)\)`).FindAllStringSubmatch(read(t, "../../README.md"), -1) {
		if a := get(t, p.url()+link[1]); a.status != http.StatusOK {
			t.Errorf("%s: %d", link[1], a.status)
		}
	}
}

// TestReadmeLinks: what the guides link to is there.
func TestReadmeLinks(t *testing.T) {
	t.Parallel()
	guides := ""
	for _, guide := range []string{"README.md", "AGENTS.md", "CONTRIBUTING.md", "SECURITY.md"} { // all in one folder
		guides += read(t, "../../"+guide)
	}
	for _, match := range regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(guides, -1) {
		if strings.HasPrefix(match[1], "http://127.0.0.1:8080/") {
			continue // see TestReadme
		}
		if _, err := os.Stat("../../" + match[1]); err != nil {
			t.Errorf("the README links to what is not there: %v", err)
		}
	}
}

type readmeCommand struct{ command, output string }

// readmeCommands returns the commands in the README's console blocks, each with
// what is shown as its output.
func readmeCommands(t *testing.T) []readmeCommand {
	t.Helper()
	var commands []readmeCommand
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(read(t, "../../README.md"), -1) {
		for line := range strings.Lines(block[1]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				commands = append(commands, readmeCommand{command: strings.TrimSpace(command)})
			} else if len(commands) > 0 {
				commands[len(commands)-1].output += line
			}
		}
	}
	return commands
}

// stable replaces what differs from run to run.
func stable(text string) string {
	text = regexp.MustCompile(`\d{4}-\d\d-\d\dT[\d:.]+Z`).ReplaceAllString(text, "TIME")
	text = regexp.MustCompile(`"request_id":"\w+"`).ReplaceAllString(text, `"request_id":"ID"`)
	text = regexp.MustCompile(`"latency_ms":[\d.]+`).ReplaceAllString(text, `"latency_ms":MS`)
	return strings.TrimSpace(text)
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
