package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
)

// ruleFile, group and rule are Prometheus' format of rule files, as far as ours use it.
// https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/
type ruleFile struct {
	Groups []group `json:"groups" yaml:"groups"`

	base string // the name of the file
}

type group struct {
	Name  string `json:"name" yaml:"name"`
	Rules []rule `json:"rules" yaml:"rules"`
}

type rule struct {
	Record      string            `json:"record,omitempty" yaml:"record"`
	Alert       string            `json:"alert,omitempty" yaml:"alert"`
	Expr        string            `json:"expr" yaml:"expr"`
	For         string            `json:"for,omitempty" yaml:"for"`
	Labels      map[string]string `json:"labels,omitempty" yaml:"labels"`
	Annotations map[string]string `json:"annotations,omitempty" yaml:"annotations"`
}

func (r rule) name() string { return r.Alert + r.Record }

// readRules reads every file of the folder and refuses what it does not know, so that nothing of a rule goes untested.
func readRules(dir string) ([]ruleFile, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yml"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("find rules in %s: %d files, %w", dir, len(paths), err)
	}
	files := make([]ruleFile, len(paths))
	for i, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // the files of the project
		if err != nil {
			return nil, err
		}
		if err := yaml.UnmarshalWithOptions(text, &files[i], yaml.Strict()); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		files[i].base = filepath.Base(path)
	}
	return files, nil
}
