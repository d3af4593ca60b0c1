//go:build unix

// Package devdb runs a PostgreSQL server of the project's own, for development and tests: it finds the programs, makes
// the data folder, starts the server on a private Unix socket and ends it with its parent.
// It is not for production: nothing that cmd/api links may import it.
package devdb

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"time"
)

// Options say which server to start. The zero value of each field but Dir has a meaning of its own.
type Options struct {
	Dir       string            // folder of the kept data, its log and its lock; not used by a throw-away server
	Throwaway bool              // new data for this one server, without durability, removed by Stop
	Database  string            // created if it is missing; "" is DefaultDatabase
	Port      int               // also listen on 127.0.0.1, where every local user may enter; 0 is no TCP at all
	Settings  map[string]string // more postgres settings; they win over the launcher's own
	Log       io.Writer         // notices on what takes long, such as a download; nil is silence

	finder *finder // tests look for programs elsewhere
}

// DefaultDatabase is the name of the development database.
const DefaultDatabase = "transcription"

// startLimit bounds one start of the server, crash recovery included.
const startLimit = time.Minute

// Start brings up a server and returns when it takes connections. Its context bounds the start, not the server: that
// one ends by Stop, or with this program.
func Start(ctx context.Context, opts Options) (*Server, error) {
	s, err := start(ctx, withDefaults(opts))
	if err != nil {
		return nil, fmt.Errorf("start postgres: %w", err)
	}
	return s, nil
}

func start(ctx context.Context, opts Options) (_ *Server, err error) {
	owner, err := findOwner()
	if err != nil {
		return nil, err
	}
	home, err := claim(opts)
	if err != nil {
		return nil, err
	}
	s := &Server{opts: opts, owner: owner, home: home}
	defer func() {
		if err != nil {
			_ = home.release() // the error of the start is the one to tell
		}
	}()
	if err := s.prepare(ctx); err != nil {
		return nil, err
	}
	return s, s.launch(ctx)
}

func withDefaults(opts Options) Options {
	if opts.Database == "" {
		opts.Database = DefaultDatabase
	}
	if opts.Log == nil {
		opts.Log = io.Discard
	}
	if opts.finder == nil {
		opts.finder = defaultFinder(opts.Log)
	}
	opts.Settings = maps.Clone(opts.Settings)
	return opts
}

// DefaultDir is where the data of the project in a folder is kept: .devdb below it, but for root a folder of its own,
// since PostgreSQL refuses to be root and other users may not enter the project (a clone below /root, a bind mount).
func DefaultDir(project string) string {
	if os.Geteuid() == 0 {
		return filepath.Join("/var/lib/devdb", filepath.Base(project)+"-"+shortHash(project))
	}
	return filepath.Join(project, ".devdb")
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return fmt.Sprintf("%x", sum[:4])
}
