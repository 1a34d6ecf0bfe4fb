package pipeline

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/traffic"
)

// exported is what a scrape shows: the values of each label of each sample, by the sample's name.
type exported map[string]map[string]map[string]bool

func (w *running) exported() exported {
	w.t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(w.scrape()))
	if err != nil {
		w.t.Fatal(err)
	}
	all := exported{}
	for name, f := range families {
		all[name] = map[string]map[string]bool{}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if all[name][l.GetName()] == nil {
					all[name][l.GetName()] = map[string]bool{}
				}
				all[name][l.GetName()][l.GetValue()] = true
			}
		}
	}
	return all
}

// ruleExprs are the expressions of the rules, and what they record.
func ruleExprs(t *testing.T) (exprs []string, recorded map[string]bool) {
	t.Helper()
	paths, err := filepath.Glob("../../deploy/prometheus/rules/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d rule files, %v", len(paths), err)
	}
	recorded = map[string]bool{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var file struct {
			Groups []struct {
				Rules []struct{ Expr, Record string }
			}
		}
		if err := yaml.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				exprs = append(exprs, r.Expr)
				recorded[r.Record] = true
			}
		}
	}
	return exprs, recorded
}

var (
	// selector is a metric with its matchers, if any; what is recorded has colons.
	selector = regexp.MustCompile(`\b((?:[a-z_]+:)?(?:llm|tracetally|promhttp)_[a-z0-9_:]+)(?:\{([^}]*)\})?`)
	// matching is one matcher.
	matching = regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
	// grouping is what a sum or a match is by.
	grouping = regexp.MustCompile(`\b(?:by|on) \(([a-z_, ]+)\)`)
)

func TestRulesUseWhatTheWorkerExports(t *testing.T) {
	t.Parallel()
	r := newRig(t, trafficTopics())
	g := traffic.New(traffic.Config{Seed: 5, Start: time.Now().Add(-time.Minute), Rate: 1000, MaxLate: time.Second})
	records := make([]*kgo.Record, 600)
	for i := range records {
		records[i] = kafkaRecord(g.Next())
	}
	r.produce(records...)
	w := r.start(r.config(topicNames()...))
	w.shows("tracetally_records_total", func(n int64) bool { return n >= 600 })
	all := w.exported()
	if n := total(t, w.scrape(), "tracetally_unaccounted_records"); n != 0 {
		t.Errorf("%d offsets have no verdict", n)
	}
	w.close()

	labels := map[string]bool{"job": true, "instance": true} // of the scrape
	for _, byLabel := range all {
		maps.Copy(labels, keys(byLabel))
	}
	exprs, recorded := ruleExprs(t)
	used := 0
	for _, expr := range exprs {
		for _, s := range selector.FindAllStringSubmatch(expr, -1) {
			if used++; recorded[s[1]] {
				continue
			}
			if all[s[1]] == nil {
				t.Errorf("no worker exports %s", s[1])
			}
			for _, m := range matching.FindAllStringSubmatch(s[2], -1) {
				for value := range strings.SplitSeq(m[3], "|") {
					if !all[s[1]][m[1]][value] {
						t.Errorf("%s has no %s of %q, only %v", s[1], m[1], value, slices.Sorted(maps.Keys(all[s[1]][m[1]])))
					}
				}
			}
		}
		for _, g := range grouping.FindAllStringSubmatch(expr, -1) {
			for label := range strings.SplitSeq(g[1], ", ") {
				if !labels[label] {
					t.Errorf("no metric has the label %s: %s", label, expr)
				}
			}
		}
	}
	if used < 20 {
		t.Errorf("only %d metrics were found in the rules", used)
	}
}

func keys[V any](m map[string]V) map[string]bool {
	set := map[string]bool{}
	for k := range m {
		set[k] = true
	}
	return set
}

// runbookQuery is an SQL query in a runbook: an indented block that begins with select.
var runbookQuery = regexp.MustCompile(`(?m)^    select .*\n(?:    .*\n)*`)

func TestQueriesOfTheRunbooksRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, map[string]int32{"any": 1})
	paths, err := filepath.Glob("../../docs/runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, query := range runbookQuery.FindAllString(string(text), -1) {
			ran++
			if _, err := r.db.Exec(t.Context(), query); err != nil {
				t.Errorf("%s: %v\n%s", filepath.Base(path), err, query)
			}
		}
	}
	if ran < 4 {
		t.Errorf("%d queries were found, want at least 4", ran)
	}
}

// TestTheRunbookOfAHaltLetsThePartitionGoOn does what TracetallyHalted.md says for log_trimmed.
func TestTheRunbookOfAHaltLetsThePartitionGoOn(t *testing.T) {
	t.Parallel()
	const topic = "TOPIC" // as in the runbook
	r := newRig(t, map[string]int32{topic: 1})
	r.calls(topic, 0, 0, 3)
	cfg := r.config(topic)
	r.readUpTo(cfg, topic, 3)
	r.calls(topic, 0, 3, 3)
	r.trim(topic, 5)
	halting := cfg
	halting.HaltOnGap = true
	w := r.start(halting)
	r.until(statusTrimmed, `select status from tracetally.partition_progress`)
	w.close()
	text, err := os.ReadFile("../../docs/runbooks/TracetallyHalted.md")
	if err != nil {
		t.Fatal(err)
	}
	remedy := regexp.MustCompile(`update tracetally.*`).FindString(string(text))
	if _, err := r.db.Exec(t.Context(), remedy); err != nil || remedy == "" {
		t.Fatalf("%q: %v", remedy, err)
	}
	r.readUpTo(cfg, topic, 6)
	r.until("2", `select gap from tracetally.partition_progress`)
	r.until("4", `select counted from tracetally.partition_progress`)
}
