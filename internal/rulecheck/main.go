// Command rulecheck holds the alert rules to their tests with promtool: the rules are well formed, the tests pass with
// scrapes a minute apart and with four a minute, with windows as of Prometheus 2 and 3, and each rule has a test that notices when it is broken (mutate.go).
//
// It needs promtool on PATH (Debian: the package prometheus), of Prometheus 2.42 or later.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

func main() {
	dir := flag.String("dir", "deploy/prometheus", "folder with rules/*.yml and tests/*_test.yml")
	runbooks := flag.String("runbooks", "docs/runbooks", "folder with the runbooks, whose queries must be well formed")
	originals := flag.String("originals", "internal/rulecheck/testdata", "folder with the article's rules and what they miss")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *dir, *runbooks, *originals); err != nil {
		fmt.Fprintln(os.Stderr, "rulecheck:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, dir, runbooks, originals string) error {
	if _, err := exec.LookPath("promtool"); err != nil {
		return fmt.Errorf("promtool is missing, on Debian install the package prometheus: %w", err)
	}
	files, err := readRules(filepath.Join(dir, "rules"))
	if err != nil {
		return err
	}
	tests, err := readTests(filepath.Join(dir, "tests"))
	if err != nil {
		return err
	}
	b, err := newBench(files)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.check(ctx); err != nil {
		return err
	}
	for _, t := range tests {
		if out, err := b.test(ctx, t); err != nil {
			return fmt.Errorf("%s: %w\n%s", t.path, err, out)
		}
	}
	if err := b.newer(ctx, tests); err != nil {
		return err
	}
	fmt.Printf("%d files of tests pass on %d rules, with a scrape each minute and with four, with windows of Prometheus 2 and 3\n", len(tests), count(files))
	if err := b.checkRunbooks(ctx, runbooks); err != nil {
		return err
	}
	if err := compare(ctx, b, originals); err != nil {
		return err
	}
	return killAll(ctx, b, tests)
}

// notOurs marks a test of the originals whose series our worker never exports.
const notOurs = "(no series of ours"

// compare shows that the article's rules stay silent in their tests, and that ours fire in them.
func compare(ctx context.Context, b *bench, dir string) error {
	tests, err := readTests(dir)
	if err != nil {
		return err
	}
	missed := 0
	for _, file := range tests {
		if out, err := promtool(ctx, "test", "rules", file.path); err != nil {
			return fmt.Errorf("%s: the originals are not as it says: %w\n%s", file.path, err, out)
		}
		for _, t := range file.Tests {
			if len(t.Alerts) == 0 || strings.Contains(t.Name, notOurs) {
				continue
			}
			one := file
			one.Tests = []test{t}
			switch silent, err := b.passes(ctx, one); {
			case err != nil:
				return err
			case silent:
				return fmt.Errorf("ours are silent too: %s", t.Name)
			}
			missed++
		}
	}
	fmt.Printf("%d incidents that the article's rules miss are seen by ours\n", missed)
	return nil
}

func count(files []ruleFile) (n int) {
	for _, f := range files {
		for _, g := range f.Groups {
			n += len(g.Rules)
		}
	}
	return n
}

// killAll breaks one rule at a time and demands that a test notices.
func killAll(ctx context.Context, b *bench, tests []testFile) error {
	killed := 0
	var survivors []error
	for f := range b.files {
		for g := range b.files[f].Groups {
			rules := b.files[f].Groups[g].Rules
			for r := range rules {
				sound := rules[r]
				for _, m := range mutants(sound) {
					rules[r] = m.rule
					dead, err := b.kills(ctx, testsOf(sound, tests))
					rules[r] = sound
					if err != nil {
						return fmt.Errorf("%s, %s: %w", sound.name(), m.how, err)
					}
					if !dead {
						survivors = append(survivors, fmt.Errorf("no test notices %s: %s", sound.name(), m.how))
						continue
					}
					killed++
				}
			}
		}
	}
	fmt.Printf("%d broken rules were noticed, %d were not\n", killed, len(survivors))
	return errors.Join(survivors...)
}

// testsOf are the tests of an alert, by the name of the file; a recording rule is tested by whoever uses it.
func testsOf(r rule, tests []testFile) []testFile {
	if r.Alert == "" {
		return tests
	}
	for _, t := range tests {
		if filepath.Base(t.path) == r.Alert+"_test.yml" {
			return []testFile{t}
		}
	}
	return nil
}
