package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/joho/godotenv"
)

// Environ returns a lookup over the process's environment, filled in by the .env file at path. A variable that
// the environment sets wins, even if it is empty there. A missing file is fine; one that is not made of
// NAME=value lines is an error that gives file and line.
func Environ(path string) (func(string) (string, bool), error) {
	src, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff")) // Windows editors put it there
	values, ok := parseDotenv(src)
	if !ok {
		return nil, fmt.Errorf("%s: line %d is not NAME=value, or its quotes do not close (not shown: it may hold a secret)", path, badLine(src))
	}
	return func(name string) (string, bool) {
		if v, ok := os.LookupEnv(name); ok {
			return v, true
		}
		v, ok := values[name]
		return v, ok
	}, nil
}

// parseDotenv drops godotenv's error, which quotes the file. A line without = at the end of the file, or one
// without a name, passes there as a variable with no name.
func parseDotenv(src []byte) (values map[string]string, ok bool) {
	values, err := godotenv.UnmarshalBytes(src)
	_, nameless := values[""]
	return values, err == nil && !nameless
}

// badLine is the number of the line after the longest part, from the top, that can be read.
func badLine(src []byte) int {
	lines := bytes.SplitAfter(src, []byte("\n"))
	for n := len(lines) - 1; n > 0; n-- {
		if _, ok := parseDotenv(bytes.Join(lines[:n], nil)); ok {
			return n + 1
		}
	}
	return 1
}
