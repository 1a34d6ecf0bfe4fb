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
	// taker is who gets the events of Each, and hand what the decoder calls for each: made once, not per record.
	taker func(*schemas.Event)
	hand  func(*schemas.Decoded)
}

// NewLine lays a line. The classifier is compiled once by the caller and shared.
func NewLine(cfg LineConfig, rules *classify.Classifier) (*Line, error) {
	enricher, err := enrich.New(cfg.Enrich)
	if err != nil {
		return nil, fmt.Errorf("set up enrichment: %w", err)
	}
	l := &Line{decoder: schemas.NewDecoder(cfg.Decoder), enricher: enricher, classifier: rules}
	l.hand = func(d *schemas.Decoded) {
		if !d.Ignored {
			l.finish(d)
			l.taker(&d.Event)
		}
	}
	return l, nil
}

// Release lets go of the last record's bytes; the last result is no longer valid.
func (l *Line) Release() { l.decoder.Release() }

// Walk takes one record through the line. The result is valid until the next Walk; its events may be kept, their
// Sensitive may not. A bug of ours that one record brings out must not stop its partition for ever: the record is set aside,
// and the result says where the bug is, without a word of the record.
func (l *Line) Walk(rec *schemas.Record) (res *schemas.Result) {
	defer func() {
		if bug := recover(); bug != nil {
			res = &schemas.Result{Reject: schemas.Malformed, Bug: schemas.FaultyLine()}
		}
	}()
	res = l.decoder.Decode(rec)
	for i := range res.Events {
		l.finish(&res.Events[i])
	}
	return res
}

// Each is Walk for what a worker reads, where a record may hold ten thousand events: each is handed to take as soon as it is
// finished, is valid until take returns, and is not in the result. If the result is a reject, what take was given is void.
func (l *Line) Each(rec *schemas.Record, take func(*schemas.Event)) *schemas.Result {
	l.taker = take
	return l.decoder.Each(rec, l.hand)
}

// finish enriches and classifies an event.
func (l *Line) finish(d *schemas.Decoded) {
	if d.Ignored {
		return
	}
	l.enricher.Apply(&d.Event, &d.Sensitive)
	l.classifier.Classify(&d.Event, &d.Sensitive)
}

// Why is the evidence behind a walked event's failure, and CostDetail the sum behind its cost; for explain only.
func (l *Line) Why(d *schemas.Decoded) []classify.Evidence {
	return l.classifier.Why(&d.Event, &d.Sensitive)
}

// CostDetail is the buckets, rates and amounts that make a walked event's cost.
func (l *Line) CostDetail(d *schemas.Decoded) enrich.CostDetail { return l.enricher.Detail(&d.Event) }
