package enrich

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/schemas"
)

// Config is what an Enricher works with. All of it may be shared between Enrichers.
type Config struct {
	// Book holds the prices; required.
	Book *Book
	// Aliases maps a model as sent to a model or a key of the book, for names that only the operator knows, such as
	// Azure deployments. Case does not matter. A cost found through an alias has the status override.
	Aliases map[string]string
	// HashKey keys the hashes of users and inputs (HMAC-SHA256). Empty: no hashes.
	HashKey secret.Secret
	// TraceURL is the template of the link to a trace, with {trace_id} where the id goes. Empty: no links.
	TraceURL string
}

// traceIDMark is where the template of a link takes the trace id.
const traceIDMark = "{trace_id}"

// Enricher fills the computed fields of events. It is not safe for concurrent use: each goroutine has its own, and all
// share one Book.
type Enricher struct {
	hashes     hasher
	matcher    *matcher
	traceParts [2]string // of the template, around the mark
	links      bool
	scratch    inputs // of the event at hand
}

// New checks the configuration and makes an Enricher. Every problem is reported at once.
func New(cfg Config) (*Enricher, error) {
	e := &Enricher{hashes: newHasher([]byte(cfg.HashKey.Reveal()))}
	if err := errors.Join(e.setBook(cfg), e.setTraceURL(cfg.TraceURL)); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Enricher) setBook(cfg Config) error {
	if cfg.Book == nil {
		return errors.New("book: must be set")
	}
	m, err := newMatcher(cfg.Book, cfg.Aliases)
	if err != nil {
		return fmt.Errorf("make the memo of models: %w", err)
	}
	e.matcher = m
	return nil
}

func (e *Enricher) setTraceURL(template string) error {
	if template == "" {
		return nil
	}
	before, after, ok := strings.Cut(template, traceIDMark)
	if !ok {
		return errors.New("trace-url: must contain " + traceIDMark)
	}
	if u, err := url.Parse(before + "x" + after); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("trace-url: must be an http or https URL")
	}
	e.traceParts, e.links = [2]string{before, after}, true
	return nil
}

// Apply fills Provider, Model, the whole prompt and output of Usage, the length buckets, the cost, the hashes and the
// link of one event. It reads s and keeps nothing of it.
func (e *Enricher) Apply(ev *schemas.Event, s *schemas.Sensitive) {
	ev.UserHash = e.hashes.text(s.UserID)
	ev.InputHash = e.hashes.input(s.Input)
	if e.links && ev.TraceURL == "" && ev.TraceIDRaw != "" {
		ev.TraceURL = e.traceParts[0] + url.PathEscape(ev.TraceIDRaw) + e.traceParts[1]
	}
	e.price(ev, nil)
	if ev.Usage.Tokens.Input.Ok {
		ev.InputBucket = Bucket(ev.Usage.Tokens.Input.V)
	}
	if ev.Usage.Tokens.Output.Ok {
		ev.OutputBucket = Bucket(ev.Usage.Tokens.Output.V)
	}
}

// Detail tells how the cost of an event came about. It prices a copy, so the event stays as it is.
func (e *Enricher) Detail(ev *schemas.Event) CostDetail {
	d := CostDetail{Buckets: []BucketCost{}}
	again := *ev
	e.price(&again, &d)
	return d
}
