package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// bench is a folder in which rules, as they are in memory now, meet tests.
type bench struct {
	dir   string
	files []ruleFile
}

func newBench(files []ruleFile) (*bench, error) {
	dir, err := os.MkdirTemp("", "rulecheck")
	if err != nil {
		return nil, err
	}
	return &bench{dir: dir, files: files}, nil
}

func (b *bench) close() { _ = os.RemoveAll(b.dir) }

// write writes a value as JSON, which promtool reads as the YAML that it is.
func (b *bench) write(name string, v any) (path string, err error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	path = filepath.Join(b.dir, name)
	return path, os.WriteFile(path, text.Bytes(), 0o600)
}

// writeRules writes the rules and returns the paths.
func (b *bench) writeRules() ([]string, error) {
	var paths []string
	for _, f := range b.files {
		path, err := b.write(f.base, f)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// check is promtool's opinion of the rules.
func (b *bench) check(ctx context.Context) error {
	paths, err := b.writeRules()
	if err != nil {
		return err
	}
	out, err := promtool(ctx, append([]string{"check", "rules"}, paths...)...)
	if err != nil {
		return fmt.Errorf("check rules: %w\n%s", err, out)
	}
	return nil
}

// test runs a file of tests at both paces; the error is of the first that fails.
func (b *bench) test(ctx context.Context, t testFile) ([]byte, error) {
	fast, err := t.faster()
	if err != nil {
		return nil, err
	}
	for _, form := range []testFile{t, fast} {
		if out, err := b.one(ctx, form); err != nil {
			return out, fmt.Errorf("evaluated every %s: %w", form.EvaluationInterval, err)
		}
	}
	return nil, nil
}

// newer runs the tests as Prometheus 3 sees them. There a sample at the very beginning of a window is outside of it, in 2 it
// is inside. https://prometheus.io/docs/prometheus/latest/migration/#range-selectors-and-lookback-exclude-samples-coinciding-with-the-left-boundary
func (b *bench) newer(ctx context.Context, tests []testFile) error {
	sound := b.files
	defer func() { b.files = sound }()
	b.files = nil
	for _, f := range sound {
		b.files = append(b.files, f.leftOpen())
	}
	for _, t := range tests {
		if out, err := b.test(ctx, t); err != nil {
			return fmt.Errorf("%s, with windows as of Prometheus 3: %w\n%s", t.path, err, out)
		}
	}
	return nil
}

// one runs a file of tests as it is on the rules as they are now.
func (b *bench) one(ctx context.Context, t testFile) ([]byte, error) {
	rules, err := b.writeRules()
	if err != nil {
		return nil, err
	}
	t.RuleFiles = rules
	path, err := b.write("test.yml", t)
	if err != nil {
		return nil, err
	}
	return promtool(ctx, "test", "rules", path)
}

// passes tells whether promtool is content with the file.
func (b *bench) passes(ctx context.Context, t testFile) (bool, error) {
	_, err := b.one(ctx, t)
	if failed := new(exec.ExitError); errors.As(err, &failed) && ctx.Err() == nil {
		return false, nil
	}
	return err == nil, err
}

// kills tells whether one of the tests fails on the rules as they are now, which promtool must be able to read: a rule
// that is no rule would prove nothing.
func (b *bench) kills(ctx context.Context, tests []testFile) (bool, error) {
	if err := b.check(ctx); err != nil {
		return false, err
	}
	for _, t := range tests {
		_, err := b.test(ctx, t)
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if failed := new(exec.ExitError); errors.As(err, &failed) {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

func promtool(ctx context.Context, args ...string) ([]byte, error) {
	return exec.CommandContext(ctx, "promtool", args...).CombinedOutput() //nolint:gosec // our own files
}
