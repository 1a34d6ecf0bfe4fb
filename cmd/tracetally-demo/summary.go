package main

import (
	"io"
	"strconv"
	"strings"

	"github.com/tracetally/tracetally/internal/audit"
)

// printSummary prints what was held against the producer's books and tells whether everything agrees.
func printSummary(out io.Writer, checks []audit.Check) bool {
	agree := true
	const row = "%-46s %20s %20s%s"
	say(out, "\n"+row, "held against what was produced", "produced", "in PostgreSQL", "")
	for _, c := range checks {
		mark := ""
		switch {
		case !c.Agrees():
			mark, agree = "  DIFFERS", false
		case c.Detail:
			continue
		}
		say(out, row, c.What, thousands(c.Produced), thousands(c.Found), mark)
	}
	say(out, "%s", strings.Repeat("-", 88))
	if agree {
		say(out, "all %d figures agree", len(checks))
	} else {
		say(out, "the figures DIFFER")
	}
	return agree
}

// thousands sets commas in a whole number and leaves any other text alone.
func thousands(text string) string {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return text
	}
	return count(n)
}
