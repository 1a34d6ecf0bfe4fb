package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzConfigFile reads any bytes as the file of --config, behind a line with a password: nothing panics, what is wrong is
// said in few words, and the password is never among them.
func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{
		"", "group: g\nbatch_age: 5s\ndrain: [1, 2]\n", "topics: {a: {format: auto, latency_unit: s}, b: {formaat: x}}\n", "topics: [a, b]\n", "a: &a [*a]\n",
		"brokers:\n  - a:1\n  - {b: 2}\n", "? {x: 1}\n: y\n", "group: !!binary aGk=\n", "<<: {group: g}\n", "\xff\x00", "group: |\n  a\n b", "postgres_url: x\n", "'",
		"batch-age: -1h\nbatch_age: 2h\nmemory_limit: lots\nfrom: 2026-13-01\n", "topics: 7\n", "- a\n- b\n", "x: " + strings.Repeat("[", 200),
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "c.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		const password = "hunter2-in-a-file"
		text := append([]byte("postgres_url: postgres://u:"+password+"@127.0.0.1/db\n"), data...)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, file, problem := parsed(t, "--config", path, "run")
		if file != nil {
			if _, err := file.topicDefaults(); err != nil {
				problem += err.Error()
			}
		}
		if len(problem) > 32<<10+8*len(data) {
			t.Fatalf("%d bytes of complaints about %d", len(problem), len(data))
		}
		if strings.Contains(problem, password) {
			t.Fatalf("the password is shown: %s", problem)
		}
	})
}
