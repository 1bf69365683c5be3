package main

import (
	"os"
	"runtime/debug"
)

// gcPercent lets the heap grow to five times what is live before it is collected. The live
// heap of a clinic is some 15 MB, so that costs little memory and saves a good part of the
// collector's work under load.
const gcPercent = 400

// settleMemory gives back what only the start needed: parsers, migrations, compilers. Pools
// let go of what nobody took in two collections.
func settleMemory() {
	for range 2 {
		debug.FreeOSMemory()
	}
	dropProgramText()
	if _, set := os.LookupEnv("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
}
