package enrich

import (
	"crypto/sha256"
	_ "embed" // the embedded book
	"encoding/hex"
	"errors"
	"strings"
)

// embedded is the book that tracetally brings along, made by internal/pricegen; source, licence and date are inside.
//
//go:embed book.json
var embedded []byte

// BookConfig names what a Book is made of.
type BookConfig struct {
	// Files overlay each other and the embedded book in order: a model of a later file replaces the whole history of
	// that model.
	Files []PriceFile
	// Only leaves the embedded book out; the first file then stands in its place.
	Only bool
}

// PriceFile is a price file in LiteLLM's format or in the project's own (compact.go).
type PriceFile struct {
	// Name is what problems are reported under.
	Name string
	Data []byte
}

// Book is a set of models with their prices through time. It never changes, so any number of Enrichers may share it.
type Book struct {
	models  map[string]*model // by lower-case key
	sellers map[string]bool   // providers that have prices here
	version string
	flags   []Problem
}

// model is one entry of the book.
type model struct {
	key      string // as the file writes it
	operator bool   // from a file that overlays the base of the book
	periods  []period
}

// LoadBook reads the files and reports every problem of all of them at once, each with its model and key; there is no
// book then, so a bad file never takes the place of a good one. What only looks odd is no error: see Flags.
func LoadBook(cfg BookConfig) (*Book, error) {
	files := cfg.Files
	if !cfg.Only {
		files = append([]PriceFile{{Name: "embedded book", Data: embedded}}, files...)
	}
	b := &Book{models: map[string]*model{}}
	digests := sha256.New()
	var problems []error
	for i, f := range files {
		sum := sha256.Sum256(f.Data)
		digests.Write(sum[:])
		b.version = hex.EncodeToString(sum[:])[:versionDigits]
		src := &source{file: f.Name, version: b.version, operator: i > 0}
		problems = append(problems, src.load(f.Data, b))
	}
	if len(files) != 1 {
		b.version = hex.EncodeToString(digests.Sum(nil))[:versionDigits]
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	b.sellers = map[string]bool{}
	for _, m := range b.models {
		b.sellers[canonical(m.periods[0].rates.provider)] = true
	}
	return b, nil
}

// versionDigits is how much of a file's SHA-256 names it.
const versionDigits = 12

// Version names the prices: the first 12 hex digits of the SHA-256 of the file, or of the files' hashes in their order.
func (b *Book) Version() string { return b.version }

// Flags are the figures that look wrong and were taken as they are, in the order of the files and of their models.
func (b *Book) Flags() []Problem { return b.flags }

// Len is the number of models.
func (b *Book) Len() int { return len(b.models) }

// lookup finds an entry by its key, whatever the case.
func (b *Book) lookup(lowerKey string) *model { return b.models[lowerKey] }

func (b *Book) put(m *model) { b.models[strings.ToLower(m.key)] = m }
