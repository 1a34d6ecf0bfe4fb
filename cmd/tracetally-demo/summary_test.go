package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/tracetally/tracetally/internal/audit"
)

func TestTheSummarySaysWhetherEverythingAgrees(t *testing.T) {
	same := audit.Check{What: "calls", Produced: "1234", Found: "1234"}
	hidden := audit.Check{What: "llm_events: counted", Produced: "7", Found: "7", Detail: true}
	off := audit.Check{What: "llm_events: gap", Produced: "0", Found: "3", Detail: true}
	tests := map[string]struct {
		checks []audit.Check
		agree  bool
		shown  []string
		hidden []string
	}{
		"all agree":       {[]audit.Check{same, hidden}, true, []string{"1,234", "all 2 figures agree"}, []string{"llm_events", "DIFFER"}},
		"a detail is off": {[]audit.Check{same, hidden, off}, false, []string{"llm_events: gap", "DIFFERS", "the figures DIFFER"}, []string{"counted"}},
	}
	for name, tt := range tests {
		var out bytes.Buffer
		if printSummary(&out, tt.checks) != tt.agree {
			t.Errorf("%s: agree = %v\n%s", name, !tt.agree, out.String())
		}
		for _, text := range tt.shown {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%s: no %q in\n%s", name, text, out.String())
			}
		}
		for _, text := range tt.hidden {
			if strings.Contains(out.String(), text) {
				t.Errorf("%s: %q in\n%s", name, text, out.String())
			}
		}
	}
}
