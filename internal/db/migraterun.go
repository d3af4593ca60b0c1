package db

import "sync"

// migrationRun is the state of the migration that runs. The watcher reads it, too.
type migrationRun struct {
	mu        sync.Mutex
	file      migrationFile
	active    bool
	number    int  // of the statement that runs
	keep      int  // statements that have taken effect, outside of a transaction
	watch     bool // the watcher keeps the lock time-out
	cancelled bool // it has cancelled the statement
	blockers  blockers
}

func (r *migrationRun) start(file migrationFile) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.file, r.active, r.number, r.keep, r.blockers = file, true, 0, 0, nil
}

func (r *migrationRun) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active = false
}

// rewind begins another attempt.
func (r *migrationRun) rewind() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number = 0
}

func (r *migrationRun) running() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.active
}

// next counts a statement, and reports whether an earlier attempt has done it.
func (r *migrationRun) next() (number int, done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number++
	return r.number, r.number <= r.keep
}

// hasKept reports that a part of the migration has taken effect.
func (r *migrationRun) hasKept() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keep > 0
}

func (r *migrationRun) kept(number int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep = number
}

// watched sets whether the watcher keeps the lock time-out of the statement that
// runs now, and returns whether it has cancelled the last one.
func (r *migrationRun) watched(is bool) (cancelled bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	cancelled = r.cancelled
	r.watch, r.cancelled = is, false
	return cancelled
}

// cancelling reports whether the watcher may cancel the statement, and notes that
// it does.
func (r *migrationRun) cancelling() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cancelled = r.cancelled || r.watch
	return r.watch
}

func (r *migrationRun) takeBlockers() blockers {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.blockers
	r.blockers = nil
	return seen
}

// blocked remembers who blocks.
func (r *migrationRun) blocked(seen blockers) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(seen) > 0 {
		r.blockers = seen
	}
}

// name is the migration that runs.
func (r *migrationRun) name() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.file.name
}
