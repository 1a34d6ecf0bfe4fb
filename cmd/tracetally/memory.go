package main

import (
	"os"
	"runtime/debug"
)

// programBytes is what the process holds besides Go's memory: the pages of the program that were touched. Measured on
// Linux (RssFile in /proc/PID/status): 19 MiB, and some that the collector is late with.
const programBytes = 26 << 20

// boundMemory tells Go's collector to keep the process below a limit. Whoever sets GOMEMLIMIT decides instead.
func boundMemory(limit int64) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit - programBytes)
	}
}
