package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestDocsMetricsIsUpToDate(t *testing.T) {
	got, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	stored, err := os.ReadFile(filepath.Join("..", "..", "docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, stored) {
		t.Error("docs/metrics.md is not what the registry says: run go generate ./internal/metricsdoc")
	}
}

func TestWithoutAFileNothingIsWritten(t *testing.T) {
	if err := run(nil); err == nil {
		t.Error("run without an argument succeeded")
	}
}
