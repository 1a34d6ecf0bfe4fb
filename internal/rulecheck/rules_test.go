package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

const root = "../.."

func TestEveryAlertSaysWhatItIsAndWhatToDo(t *testing.T) {
	files, err := readRules(filepath.Join(root, "deploy/prometheus/rules"))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range alertsOf(files) {
		for what, text := range map[string]string{
			"severity": r.Labels["severity"], "domain": r.Labels["domain"],
			"summary": r.Annotations["summary"], "description": r.Annotations["description"], "for": r.For,
		} {
			if text == "" {
				t.Errorf("%s has no %s", r.Alert, what)
			}
		}
		const home = "https://github.com/tracetally/tracetally/blob/main/"
		path, ours := strings.CutPrefix(r.Annotations["runbook_url"], home)
		text, err := os.ReadFile(filepath.Join(root, path))
		if !ours || err != nil || filepath.Base(path) != r.Alert+".md" {
			t.Errorf("%s has the runbook %q: %v", r.Alert, r.Annotations["runbook_url"], err)
		}
		if title, rest, _ := strings.Cut(string(text), "\n"); title != "# "+r.Alert || !strings.HasPrefix(strings.TrimSpace(rest), "**Do first**") {
			t.Errorf("the runbook of %s does not open with its name and what to do", r.Alert)
		}
		if _, err := os.Stat(filepath.Join(root, "deploy/prometheus/tests", r.Alert+"_test.yml")); err != nil {
			t.Errorf("%s has no tests: %v", r.Alert, err)
		}
	}
}

func alertsOf(files []ruleFile) (alerts []rule) {
	for _, f := range files {
		for _, g := range f.Groups {
			for _, r := range g.Rules {
				if r.Alert != "" {
					alerts = append(alerts, r)
				}
			}
		}
	}
	return alerts
}

func TestEveryAlertIsDemandedSilentAndFiring(t *testing.T) {
	tests, err := readTests(filepath.Join(root, "deploy/prometheus/tests"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range tests {
		alert := strings.TrimSuffix(filepath.Base(f.path), "_test.yml")
		firing, beforeItsFor, resolved := false, false, false
		for _, test := range f.Tests {
			fired := false
			for _, a := range test.Alerts {
				expected, _ := a["exp_alerts"].([]any)
				if a["alertname"] != alert { // what others do not see is part of the story
					if len(expected) > 0 {
						t.Errorf("%s: %q is about %v", f.path, test.Name, a["alertname"])
					}
					continue
				}
				at, _ := a["eval_time"].(string)
				beforeItsFor = beforeItsFor || len(expected) == 0 && strings.HasSuffix(at, "59s")
				resolved = resolved || fired && len(expected) == 0
				fired = fired || len(expected) > 0
			}
			firing = firing || fired
		}
		if !firing || !beforeItsFor || !resolved {
			t.Errorf("%s: demanded firing %v, silent just before its for %v, resolved %v", f.path, firing, beforeItsFor, resolved)
		}
	}
}

func TestHeldSamplesStayWhereTheyWere(t *testing.T) {
	for values, want := range map[string]string{
		"7": "7 7", "0+5x2": "0 0 5 5 10 10", "9-2x1": "9 9 7 7", "3x1": "3 3 3 3", "_ 1": "_ _ 1 1",
		"_x2 1": "_ _ _ _ 1 1", "1 stale": "1 1 stale _", "0.5+0.25x1": "0.5 0.5 0.75 0.75", "-1x0": "-1 -1", "": "",
	} {
		if got, err := held(values, 2); err != nil || got != want {
			t.Errorf("held(%q) = %q, %v, want %q", values, got, err, want)
		}
	}
	for _, values := range []string{"x", "1x", "1+x3", "_y", "_xq", "1..2", "1+2.3.4x1"} {
		if got, err := held(values, 2); err == nil {
			t.Errorf("held(%q) = %q, want an error", values, got)
		}
	}
}

func TestHoldingOnceKeepsEveryNumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		numbers := rapid.SliceOfN(rapid.IntRange(-1000, 1e6), 1, 20).Draw(t, "numbers")
		n := rapid.IntRange(1, 5).Draw(t, "n")
		var in, want []string
		for _, x := range numbers {
			text, err := expand(strconv.Itoa(x), "", "0")
			if err != nil {
				t.Fatal(err)
			}
			in = append(in, text...)
			want = append(want, slices.Repeat(text, n)...)
		}
		got, err := held(strings.Join(in, " "), n)
		if err != nil || got != strings.Join(want, " ") {
			t.Fatalf("held = %q, %v, want %q", got, err, strings.Join(want, " "))
		}
	})
}

func TestARuleIsBrokenInEveryWay(t *testing.T) {
	r := rule{Alert: "A", For: "5m", Expr: `sum(rate(x{a="b", c!="d"}[5m])) > 0.05
or
y{a="b"} >= 20 unless z > 0
and on (job) w == 1`}
	var got []string
	for _, m := range mutants(r) {
		got = append(got, m.how)
		if m.rule.Expr == r.Expr && m.rule.For == r.For {
			t.Errorf("%s: nothing is broken", m.how)
		}
	}
	want := []string{
		"it never fires", "it always fires", "without its for",
		"compared with 0.1 instead of 0.05", "compared with 40 instead of 20", "compared with 1 instead of 0", "compared with 2 instead of 1",
		"and instead of or", "without: unless z > 0", "without: and on (job) w == 1",
		`without the matcher a="b"`, `without the matcher c!="d"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("mutants\n got %q\nwant %q", got, want)
	}
	if m := mutants(r); m[10].rule.Expr != strings.NewReplacer(`a="b", `, "", `{a="b"}`, "").Replace(r.Expr) {
		t.Errorf("without a matcher: %s", m[10].rule.Expr)
	}
}

func TestWindowsOfPrometheus3LeaveTheFirstSampleOut(t *testing.T) {
	f := ruleFile{Groups: []group{{Rules: []rule{{Expr: `max_over_time((rate(x[74s]))[5m:5s]) or y[1d]`}}}}}
	const want = `max_over_time((rate(x[73999ms]))[299999ms:5s]) or y[86399999ms]`
	if got := f.leftOpen().Groups[0].Rules[0].Expr; got != want {
		t.Errorf("leftOpen = %s, want %s", got, want)
	}
	if f.Groups[0].Rules[0].Expr == want {
		t.Error("the rule itself was changed")
	}
}
