package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// testFile is a file of promtool's unit tests, as far as it has to be understood to be run at another pace.
// https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/
type testFile struct {
	RuleFiles          []string `json:"rule_files" yaml:"rule_files"`
	EvaluationInterval string   `json:"evaluation_interval" yaml:"evaluation_interval"`
	Tests              []test   `json:"tests" yaml:"tests"`

	path string
}

type test struct {
	Name        string           `json:"name,omitempty" yaml:"name"`
	Interval    string           `json:"interval" yaml:"interval"`
	InputSeries []inputSeries    `json:"input_series" yaml:"input_series"`
	Alerts      []map[string]any `json:"alert_rule_test,omitempty" yaml:"alert_rule_test"`
	Exprs       []map[string]any `json:"promql_expr_test,omitempty" yaml:"promql_expr_test"`
}

type inputSeries struct {
	Series string `json:"series" yaml:"series"`
	Values string `json:"values" yaml:"values"`
}

func readTests(dir string) ([]testFile, error) {
	return readAll(filepath.Join(dir, "*_test.yml"), func(f *testFile, path string) { f.path = path })
}

// faster is the same file scraped four times a minute instead of once: the same counters at the same times, looked at more
// often. What must be told does not depend on how often Prometheus looks. A test of any other pace stays as it is.
func (f testFile) faster() (testFile, error) {
	fast := f
	fast.EvaluationInterval = "15s"
	fast.Tests = nil
	for _, t := range f.Tests {
		if t.Interval != "1m" { // it is about that pace
			fast.Tests = append(fast.Tests, t)
			continue
		}
		t.Interval = "15s"
		series := make([]inputSeries, len(t.InputSeries))
		for i, s := range t.InputSeries {
			values, err := held(s.Values, 4)
			if err != nil {
				return fast, fmt.Errorf("test %q: %s: %w", t.Name, s.Series, err)
			}
			series[i] = inputSeries{s.Series, values}
		}
		t.InputSeries = series
		fast.Tests = append(fast.Tests, t)
	}
	return fast, nil
}

// sequence is promtool's notation: 7, _, stale, 7x3 (four samples), 7+2x3 (7 9 11 13), 7-2x3, _x3 (three gaps).
var sequence = regexp.MustCompile(`^(-?[0-9.]+)(?:([+-][0-9.]+))?x([0-9]+)$`)

// held writes promtool's values with each sample n times.
func held(values string, n int) (string, error) {
	var out []string
	repeat := func(s string) {
		for range n {
			out = append(out, s)
		}
	}
	for _, item := range strings.Fields(values) {
		switch m := sequence.FindStringSubmatch(item); {
		case item == "stale":
			out = append(out, "stale")
			for range n - 1 {
				out = append(out, "_")
			}
		case item == "_":
			repeat("_")
		case strings.HasPrefix(item, "_x"):
			gaps, err := strconv.Atoi(item[2:])
			if err != nil {
				return "", fmt.Errorf("read %q: %w", item, err)
			}
			for range gaps {
				repeat("_")
			}
		case m != nil:
			samples, err := expand(m[1], m[2], m[3])
			if err != nil {
				return "", fmt.Errorf("read %q: %w", item, err)
			}
			for _, s := range samples {
				repeat(s)
			}
		default:
			if _, err := strconv.ParseFloat(item, 64); err != nil {
				return "", fmt.Errorf("read %q: %w", item, err)
			}
			repeat(item)
		}
	}
	return strings.Join(out, " "), nil
}

// expand is a, a+b, a+2b … of n steps.
func expand(a, b, n string) ([]string, error) {
	from, err := strconv.ParseFloat(a, 64)
	if err != nil {
		return nil, err
	}
	step := 0.0
	if b != "" {
		if step, err = strconv.ParseFloat(b, 64); err != nil {
			return nil, err
		}
	}
	steps, err := strconv.Atoi(n)
	if err != nil {
		return nil, err
	}
	var samples []string
	for i := range steps + 1 {
		samples = append(samples, strconv.FormatFloat(from+step*float64(i), 'g', -1, 64))
	}
	return samples, nil
}
