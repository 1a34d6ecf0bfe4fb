package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// promql is a query in a runbook: a line of its own, indented, with a remark behind it at most.
var promql = regexp.MustCompile(`(?m)^    ((?:sum|max|count) by .*?)\s*(?:#.*)?$`)

// checkRunbooks has promtool read the queries of the runbooks, as rules.
func (b *bench) checkRunbooks(ctx context.Context, dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil {
		return err
	}
	queries := group{Name: "runbooks"}
	for _, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // the files of the project
		if err != nil {
			return err
		}
		for _, m := range promql.FindAllStringSubmatch(string(text), -1) {
			queries.Rules = append(queries.Rules, rule{Record: fmt.Sprintf("q%d", len(queries.Rules)), Expr: m[1]})
		}
	}
	if len(queries.Rules) == 0 {
		return errors.New("check the queries of the runbooks: there are none")
	}
	path, err := b.write("runbooks.yml", ruleFile{Groups: []group{queries}})
	if err != nil {
		return err
	}
	if out, err := promtool(ctx, "check", "rules", path); err != nil {
		return fmt.Errorf("check the queries of the runbooks: %w\n%s", err, out)
	}
	return nil
}
