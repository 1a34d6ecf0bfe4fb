package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// planted are the secrets of a configuration, each recognisable.
type planted struct{ postgresURL, postgresFile, kafkaEnv, kafkaFile, hashEnv, hashFile string }

func plant() planted {
	return planted{"canary-pgurl-51c0", "canary-pgfile-92ab", "canary-kafkaenv-77de", "canary-kafkafile-03f1", "canary-hashenv-aa18", "canary-hashfile-c4d2"}
}

func (p planted) all() []string {
	return []string{p.postgresURL, p.postgresFile, p.kafkaEnv, p.kafkaFile, p.hashEnv, p.hashFile}
}

// search fails the test if a secret is in text, as it is or as the bytes that fmt shows.
func (p planted) search(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range p.all() {
		for _, form := range []string{s, fmt.Sprintf("%x", s), strings.Trim(fmt.Sprint([]byte(s)), "[]")} {
			if strings.Contains(text, form) {
				t.Errorf("%s shows %s", where, s)
			}
		}
	}
}

func TestNoDumpOfTheConfigurationShowsASecret(t *testing.T) {
	p := plant()
	t.Setenv("TRACETALLY_POSTGRES_URL", "postgres://u:"+p.postgresURL+"@127.0.0.1:5432/d")
	t.Setenv("TRACETALLY_KAFKA_PASSWORD", p.kafkaEnv)
	t.Setenv("TRACETALLY_HASH_KEY", p.hashEnv)
	c, file, problem := parsed(t, "run", "--brokers=127.0.0.1:9092", "--topics=t", "--kafka-sasl=SCRAM-SHA-512", "--kafka-user=u")
	if problem != "" {
		t.Fatal(problem)
	}
	cfg, err := c.Run.config()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Line, _, err = c.Run.lineFlags.config(file); err != nil {
		t.Fatal(err)
	}
	if got, err := cfg.Kafka.Access.Password.Read(); err != nil || got.Reveal() != p.kafkaEnv || cfg.Line.Enrich.HashKey.Reveal() != p.hashEnv ||
		!strings.Contains(cfg.Sink.URL.Reveal(), p.postgresURL) {
		t.Fatal("the secrets are not where they are looked for")
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		p.search(t, "cli as "+verb, fmt.Sprintf(verb, *c))
		p.search(t, "pipeline.Config as "+verb, fmt.Sprintf(verb, cfg))
	}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("configuration", "cli", c, "kafka", cfg.Kafka.Access, "sink", cfg.Sink, "enrich", cfg.Line.Enrich, "run", c.Run)
	}
	out, err := yaml.Marshal(cfg.Kafka.Access)
	if err != nil {
		t.Fatal(err)
	}
	p.search(t, "slog", log.String())
	p.search(t, "yaml", string(out))
}
