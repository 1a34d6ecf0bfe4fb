package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tracetally/tracetally/classify"
	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/internal/pipeline"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/schemas"
)

// minHashKeyBytes is the shortest key for hashing users that is not guessable: 128 bits.
const minHashKeyBytes = 16

// lineFlags are the settings of the pure part of the line, shared by run and explain.
type lineFlags struct {
	Prices        []string          `help:"Price file in LiteLLM's format. May be repeated: a later one replaces a model's whole history, all lie over the embedded book." placeholder:"FILE" type:"existingfile"`
	PricesOnly    bool              `help:"Leave the embedded price book out."`
	Alias         map[string]string `help:"Price the model FROM as TO (an Azure deployment's name, for example). May be repeated." placeholder:"FROM=TO" mapsep:"none"`
	TraceURL      string            `name:"trace-url" help:"Link to a trace, with {trace_id} in it, for events that bring none." placeholder:"URL"`
	HashKeyFile   string            `help:"File with the key (16 bytes or more) for the hashes of users and inputs; or the key itself in TRACETALLY_HASH_KEY. Changing it changes every hash." placeholder:"FILE"`
	NoMessages    bool              `help:"Keep no words of an error: without it the redacted message, at most 200 bytes, of each error group's first error is kept."`
	MaxValueBytes int               `help:"A record with a larger value is quarantined as oversize." default:"8388608"`
}

// hashKey is the key from its file or the environment, or empty. It never comes from the command line, which others can see.
func (f *lineFlags) hashKey() (secret.Secret, error) {
	src := secret.Source{File: f.HashKeyFile, Text: secret.New(os.Getenv("TRACETALLY_HASH_KEY"))}
	key, err := src.Read()
	if err != nil {
		return key, fmt.Errorf("hash-key-file: %w", err)
	}
	if n := len(key.Reveal()); n > 0 && n < minHashKeyBytes {
		return secret.Secret{}, fmt.Errorf("hash-key: must be at least %d bytes, got %d; make one with: openssl rand -hex 32", minHashKeyBytes, n)
	}
	return key, nil
}

// config gathers the settings and what they point to; every problem is reported at once.
func (f *lineFlags) config(file *configFile) (pipeline.LineConfig, *classify.Classifier, error) {
	var errs []error
	key, err := f.hashKey()
	errs = append(errs, err)
	if f.MaxValueBytes < 1<<10 || f.MaxValueBytes > 1<<28 {
		errs = append(errs, fmt.Errorf("max-value-bytes: must be 1024 to 268435456, got %d", f.MaxValueBytes))
	}
	if f.TraceURL != "" && !strings.Contains(f.TraceURL, "{trace_id}") {
		errs = append(errs, fmt.Errorf("trace-url: must contain {trace_id}, got %q", f.TraceURL))
	}
	book, err := f.book()
	errs = append(errs, err)
	rules, err := classify.New(classify.Config{NoMessages: f.NoMessages})
	errs = append(errs, err)
	topics, err := file.topicDefaults()
	errs = append(errs, err)
	return pipeline.LineConfig{
		Decoder: schemas.DecoderConfig{MaxValueBytes: f.MaxValueBytes, Topics: topics, SkipInput: key.Empty()},
		Enrich:  enrich.Config{Book: book, Aliases: f.Alias, HashKey: key, TraceURL: f.TraceURL},
	}, rules, errors.Join(errs...)
}

func (f *lineFlags) book() (*enrich.Book, error) {
	cfg := enrich.BookConfig{Only: f.PricesOnly}
	for _, path := range f.Prices {
		data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
		if err != nil {
			return nil, fmt.Errorf("read prices: %w", err)
		}
		cfg.Files = append(cfg.Files, enrich.PriceFile{Name: filepath.Base(path), Data: data})
	}
	book, err := enrich.LoadBook(cfg)
	if err != nil {
		return nil, fmt.Errorf("load prices: %w", err)
	}
	return book, nil
}
