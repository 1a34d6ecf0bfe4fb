package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"github.com/tracetally/tracetally/schemas"
)

// configFile is the YAML file of --config. Its keys are the long names of the flags of any command, with _ or -, and
// `topics` may also be a mapping from a topic to its settings.
type configFile struct {
	path   string
	values map[string]any
	topics map[string]topicSettings
}

// topicSettings is what the file may say of one topic: what its events lack.
type topicSettings struct {
	Format      string `yaml:"format"`
	Environment string `yaml:"environment"`
	Service     string `yaml:"service"`
	Provider    string `yaml:"provider"`
	LatencyUnit string `yaml:"latency_unit"`
}

// readConfigFile reads the file; an empty path is no file.
func readConfigFile(path string) (*configFile, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	var raw map[string]any
	if err := yaml.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("read configuration %s: %s", path, yaml.FormatError(err, false, false))
	}
	f := &configFile{path: path, values: map[string]any{}}
	for k, v := range raw {
		f.values[strings.ReplaceAll(k, "_", "-")] = v
	}
	if topics, ok := f.values["topics"].(map[string]any); ok {
		return f, f.readTopics(topics)
	}
	return f, nil
}

// readTopics reads the mapping form of `topics`, strictly, and leaves the list of names for the flag.
func (f *configFile) readTopics(topics map[string]any) error {
	text, err := yaml.Marshal(topics)
	if err != nil {
		return fmt.Errorf("read topics of %s: %w", f.path, err)
	}
	if err := yaml.UnmarshalWithOptions(text, &f.topics, yaml.Strict()); err != nil {
		return fmt.Errorf("read topics of %s: %s", f.path, yaml.FormatError(err, false, false))
	}
	f.values["topics"] = strings.Join(slices.Sorted(maps.Keys(f.topics)), ",")
	return nil
}

// Validate refuses keys that no command knows, all at once; kong calls it.
func (f *configFile) Validate(app *kong.Application) error {
	known := map[string]bool{}
	_ = kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			known[flag.Name] = true
		}
		return next(nil)
	})
	var errs []error
	for _, k := range slices.Sorted(maps.Keys(f.values)) {
		if !known[k] {
			errs = append(errs, fmt.Errorf("%s: unknown key %q", f.path, k))
		}
	}
	return errors.Join(errs...)
}

// Resolve gives a flag its value from the file, unless the environment has one; kong calls it.
func (f *configFile) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, env := range flag.Envs {
		if _, ok := os.LookupEnv(env); ok {
			return nil, nil
		}
	}
	v, ok := f.values[flag.Name]
	if !ok {
		return nil, nil
	}
	switch v := v.(type) {
	case []any:
		return v, f.shape(flag, flag.IsSlice(), "a list")
	case map[string]any:
		return v, f.shape(flag, flag.IsMap(), "a mapping")
	default:
		return fmt.Sprint(v), nil
	}
}

// shape refuses a value of a shape that the flag does not take. kong would, too, and quote the value, which may be secret.
func (f *configFile) shape(flag *kong.Flag, fits bool, shape string) error {
	if fits {
		return nil
	}
	return fmt.Errorf("%s: %s: must not be %s", f.path, flag.Name, shape)
}

// topicDefaults is the per-topic part as the decoder takes it, every problem of it reported at once; nil without a file.
func (f *configFile) topicDefaults() (map[string]schemas.TopicConfig, error) {
	if f == nil {
		return nil, nil
	}
	var errs []error
	out := make(map[string]schemas.TopicConfig, len(f.topics))
	for name, t := range f.topics {
		c := schemas.TopicConfig{
			Format: schemas.Format(t.Format), Environment: t.Environment, Service: t.Service, Provider: t.Provider,
			LatencyUnit: schemas.LatencyUnit(t.LatencyUnit),
		}
		if t.Format == "auto" {
			c.Format = schemas.FormatNone
		}
		if err := c.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: topics.%s: %w", f.path, name, err))
		}
		out[name] = c
	}
	return out, errors.Join(errs...)
}
