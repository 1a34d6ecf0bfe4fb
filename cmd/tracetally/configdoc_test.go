package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

var update = flag.Bool("update", false, "rewrite generated documents and golden files")

// configDoc is docs/config.md, made from the flags as kong knows them.
func configDoc() string {
	parser := newParser(&cli{}, &streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
	var b bytes.Buffer
	b.WriteString(`# Configuration

Made from the flags by ` + "`go test ./cmd/tracetally -run UpToDate -update`" + `; do not edit.

Every setting is a flag, a variable of the environment and a key of the YAML file of ` + "`--config`" + `, where _ and - are the
same. The command line wins over the environment, the environment over the file. Unknown keys are refused.

In the file, ` + "`topics`" + ` may be a list of names or a mapping from a name to what the topic's events lack:

    brokers: kafka-1:9093,kafka-2:9093
    kafka_sasl: SCRAM-SHA-512
    kafka_user: tracetally
    kafka_password_file: /run/secrets/kafka
    topics:
      events_plugin_ingestion_ai: {environment: production, service: chat}
      llm_events: {format: posthog_event, provider: openai, latency_unit: ms}
    postgres_url: postgres://tracetally@db:5432/metrics
    postgres_password_file: /run/secrets/postgres
    hash_key_file: /run/secrets/hash_key

Secrets are read from files or the environment only: the password of PostgreSQL (--postgres-password-file, PGPASSFILE, or in
TRACETALLY_POSTGRES_URL), that of Kafka (--kafka-password-file or TRACETALLY_KAFKA_PASSWORD) and the key for hashes
(--hash-key-file or TRACETALLY_HASH_KEY). They are never printed. docs/access.md says how to reach Kafka and PostgreSQL.
`)
	for _, node := range parser.Model.Children {
		fmt.Fprintf(&b, "\n## tracetally %s\n\n%s\n\n", node.Name, node.Help)
		if len(node.Flags) == 0 {
			continue
		}
		b.WriteString("| flag | variable | default | meaning |\n|---|---|---|---|\n")
		for _, f := range node.Flags {
			fmt.Fprintf(&b, "| `--%s` | `%s` | %s | %s |\n", f.Name, strings.Join(f.Envs, " "), shown(f), f.Help)
		}
	}
	return b.String()
}

func shown(f *kong.Flag) string {
	if f.Default == "" {
		return ""
	}
	return "`" + f.Default + "`"
}

func TestConfigDocumentIsUpToDate(t *testing.T) {
	const path = "../../docs/config.md"
	want := configDoc()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/config.md differs from the flags: go test ./cmd/tracetally -run UpToDate -update")
	}
}
