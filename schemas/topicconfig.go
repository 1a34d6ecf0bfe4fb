package schemas

import (
	"errors"
	"fmt"
	"slices"
)

// Validate reports every problem of a topic's settings at once, in the words of the configuration file.
func (c TopicConfig) Validate() error {
	var problems []error
	if known := Formats(); c.Format != FormatNone && !slices.Contains(known, c.Format) {
		problems = append(problems, fmt.Errorf("format: must be auto or one of %v, got %q", known, c.Format))
	}
	switch c.LatencyUnit {
	case "", LatencyAuto, LatencySeconds, LatencyMillis:
	default:
		problems = append(problems, fmt.Errorf("latency_unit: must be s, ms or auto, got %q", c.LatencyUnit))
	}
	return errors.Join(problems...)
}

// Formats is every format that a topic may be set to.
func Formats() []Format {
	var names []Format
	for _, f := range knownFormats() {
		names = append(names, f.name)
	}
	return names
}
