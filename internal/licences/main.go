// Command licences checks that every module linked into the programs carries a licence that an Apache-2.0 product may
// link, and prints one line per module. It fails on a licence that it does not know, so that a person looks.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"

	"github.com/google/licensecheck"
)

// allowed are the SPDX names of licences without terms that reach into the product. MPL-2.0 covers its own files only.
var allowed = map[string]bool{
	"Apache-2.0": true, "MIT": true, "BSD-2-Clause": true, "BSD-3-Clause": true, "ISC": true, "MPL-2.0": true,
	"Unlicense": true, "0BSD": true, "public-domain": true,
}

// read are modules whose licence no scanner knows, and what a person read in it.
var read = map[string]string{"github.com/xi2/xz": "public-domain"}

// module is what `go list` says of one.
type module struct{ Path, Version, Dir string }

func main() {
	if err := check(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "licences:", err)
		os.Exit(1)
	}
}

func check(out io.Writer) error {
	modules, err := linked("./cmd/...")
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range modules {
		names, err := licences(m.Dir)
		if words, ok := read[m.Path]; ok {
			names, err = []string{words}, nil
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", m.Path, err))
			continue
		}
		for _, n := range names {
			if !allowed[n] {
				errs = append(errs, fmt.Errorf("%s: licence %s is not on the list", m.Path, n))
			}
		}
		if _, err := fmt.Fprintf(out, "%-50s %-40s %s\n", m.Path, m.Version, strings.Join(names, " ")); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// linked lists the modules whose packages the named programs import, ours left out, sorted.
func linked(pattern string) ([]module, error) {
	text, err := exec.Command("go", "list", "-deps", "-json=Module,Standard", pattern).Output() //nolint:gosec // a constant pattern
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	found := map[string]module{}
	for dec := json.NewDecoder(bytes.NewReader(text)); ; {
		var p struct {
			Module *struct {
				module
				Main bool
			}
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read package list: %w", err)
		}
		if p.Module != nil && !p.Module.Main {
			found[p.Module.Path] = p.Module.module
		}
	}
	modules := make([]module, 0, len(found))
	for _, m := range found {
		modules = append(modules, m)
	}
	sort.Slice(modules, func(i, j int) bool { return modules[i].Path < modules[j].Path })
	return modules, nil
}

// licences names the licences of a module's root.
func licences(dir string) ([]string, error) {
	names := map[string]bool{}
	for _, pattern := range []string{"LICENSE*", "LICENCE*", "COPYING*", "License*", "UNLICENSE*"} {
		files, _ := filepath.Glob(filepath.Join(dir, pattern)) // the pattern is well formed
		for _, f := range files {
			text, err := os.ReadFile(f) //nolint:gosec // inside the module cache
			if err != nil {
				return nil, err
			}
			for _, m := range licensecheck.Scan(text).Match {
				names[m.ID] = true
			}
		}
	}
	if len(names) == 0 {
		return nil, errors.New("no licence found")
	}
	list := make([]string, 0, len(names))
	for n := range names {
		list = append(list, n)
	}
	sort.Strings(list)
	return list, nil
}
