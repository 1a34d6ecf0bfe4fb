package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// tick is the unit of CPU time in /proc: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// treeCPU is the user and system time of a process and its children, those included that have ended and were waited for
// (proc(5), fields 14 to 17 of stat). It is 0 where there is no /proc.
func treeCPU(pid int) time.Duration {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	var ticks int64
	for _, file := range files {
		stat, err := os.ReadFile(file) //nolint:gosec // a file of /proc
		if err != nil {
			continue // it has ended meanwhile
		}
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // from field 3, the state
		own := filepath.Base(filepath.Dir(file)) == strconv.Itoa(pid)
		if !own && string(fields[1]) != strconv.Itoa(pid) {
			continue
		}
		for _, i := range []int{11, 12, 13, 14} {
			n, _ := strconv.ParseInt(string(fields[i]), 10, 64) // the kernel writes numbers
			ticks += n
		}
	}
	return time.Duration(ticks) * tick
}

// peakRSS is the largest resident set that a process had, in bytes, or 0 where there is no /proc. getrusage has such a
// figure too, but on Linux it begins with that of the parent (exec_mmap in fs/exec.c keeps it over the exec).
func peakRSS(pid int) int64 {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte("VmHWM:")); ok {
			kb, _ := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
			return kb << 10
		}
	}
	return 0
}
