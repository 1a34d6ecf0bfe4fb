package main

import (
	"bytes"
	"io"
	"sync"
)

// logLines is how many lines of the log the screen shows.
const logLines = 3

// logTail keeps the log off the screen: while it is held back, it remembers the last lines and releases them at the end.
type logTail struct {
	mu    sync.Mutex
	out   io.Writer
	hold  bool
	lines [][]byte
}

func newLogTail(out io.Writer, hold bool) *logTail { return &logTail{out: out, hold: hold} }

// Write takes one line, as slog's handlers write them.
func (l *logTail) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.hold {
		return l.out.Write(line)
	}
	l.lines = append(l.lines, bytes.Clone(line))
	if len(l.lines) > 200 {
		l.lines = l.lines[len(l.lines)-100:]
	}
	return len(line), nil
}

// last is the newest lines.
func (l *logTail) last() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var last []string
	for _, line := range l.lines[max(0, len(l.lines)-logLines):] {
		last = append(last, string(bytes.TrimSpace(line)))
	}
	return last
}

// release writes what was held back, and holds nothing from then on.
func (l *logTail) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		_, _ = l.out.Write(line)
	}
	l.hold, l.lines = false, nil
}
