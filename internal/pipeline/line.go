package pipeline

import (
	"fmt"

	"github.com/tracetally/tracetally/classify"
	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/schemas"
)

// LineConfig is what the pure part of the line needs to know; Line says what that part is.
type LineConfig struct {
	Decoder  schemas.DecoderConfig
	Enrich   enrich.Config
	Classify classify.Config
}

// Line is the part of the walk that touches nothing outside: bytes in, finished events out. `run` and `explain` both
// walk it, so what explain prints is what the tables get. It is not safe for concurrent use: each partition has its own,
// and they share what is immutable (the price book, the compiled rules).
type Line struct {
	decoder    *schemas.Decoder
	enricher   *enrich.Enricher
	classifier *classify.Classifier
}

// NewLine lays a line. The classifier is compiled once by the caller and shared.
func NewLine(cfg LineConfig, rules *classify.Classifier) (*Line, error) {
	enricher, err := enrich.New(cfg.Enrich)
	if err != nil {
		return nil, fmt.Errorf("set up enrichment: %w", err)
	}
	return &Line{decoder: schemas.NewDecoder(cfg.Decoder), enricher: enricher, classifier: rules}, nil
}

// Walk takes one record through the line. The result is valid until the next Walk; its events may be kept, their
// Sensitive may not.
func (l *Line) Walk(rec *schemas.Record) *schemas.Result {
	res := l.decoder.Decode(rec)
	for i := range res.Events {
		d := &res.Events[i]
		if d.Ignored {
			continue
		}
		l.enricher.Apply(&d.Event, &d.Sensitive)
		l.classifier.Classify(&d.Event, &d.Sensitive)
	}
	return res
}

// Why is the evidence behind a walked event's failure, and CostDetail the sum behind its cost; for explain only.
func (l *Line) Why(d *schemas.Decoded) []classify.Evidence {
	return l.classifier.Why(&d.Event, &d.Sensitive)
}

// CostDetail is the buckets, rates and amounts that make a walked event's cost.
func (l *Line) CostDetail(d *schemas.Decoded) enrich.CostDetail { return l.enricher.Detail(&d.Event) }
