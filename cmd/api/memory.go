package main

import (
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// gcPercent lets garbage grow to twice what is in use before it is collected.
// The service keeps little: collecting it as often as Go does by default costs a
// fifth of a list's processor time and saves 5 MB, 20 with 500 clients at once.
const gcPercent = 200

// limitMemory sets when garbage is collected: in a container in time not to pass
// nine tenths of its memory limit. GOGC and GOMEMLIMIT go before.
func (p *program) limitMemory(container memlimit.Provider) {
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	limit, err := memlimit.Set(memlimit.WithProvider(container))
	p.log.Debug("memory", "limit", limit, "error", err) // an error where there are no containers
}
