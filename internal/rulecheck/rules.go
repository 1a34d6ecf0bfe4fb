package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

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
	return readAll(filepath.Join(dir, "*.yml"), func(f *ruleFile, path string) { f.base = filepath.Base(path) })
}

// readAll reads every file of a pattern, of which there must be one, strictly, and tells each where it comes from.
func readAll[F any](pattern string, from func(file *F, path string)) ([]F, error) {
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("find %s: %d files, %w", pattern, len(paths), err)
	}
	files := make([]F, len(paths))
	for i, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // the files of the project
		if err != nil {
			return nil, err
		}
		if err := yaml.UnmarshalWithOptions(text, &files[i], yaml.Strict()); err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		from(&files[i], path)
	}
	return files, nil
}

// window is the range of a selector or a subquery, in one unit.
var window = regexp.MustCompile(`\[([0-9]+)([smhd])(:[0-9a-z]+)?\]`)

// leftOpen is the file with each window a millisecond shorter, which is the finest that Prometheus knows: it leaves out just
// the sample at the window's beginning.
func (f ruleFile) leftOpen() ruleFile {
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	short := ruleFile{base: f.base}
	for _, g := range f.Groups {
		changed := group{Name: g.Name}
		for _, r := range g.Rules {
			r.Expr = window.ReplaceAllStringFunc(r.Expr, func(w string) string {
				m := window.FindStringSubmatch(w)
				n, _ := strconv.Atoi(m[1]) // digits only
				return "[" + strconv.FormatInt((time.Duration(n)*units[m[2]]).Milliseconds()-1, 10) + "ms" + m[3] + "]"
			})
			changed.Rules = append(changed.Rules, r)
		}
		short.Groups = append(short.Groups, changed)
	}
	return short
}
