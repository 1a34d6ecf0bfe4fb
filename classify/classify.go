package classify

import (
	"fmt"
	"sync"

	"github.com/tracetally/tracetally/schemas"
)

// Config is what a user may set. The zero value is the default.
type Config struct {
	// UserRules is a YAML list of rules in the form of data/rules; they come before the built-in ones on every level.
	UserRules []byte
	// NoMessages leaves Failure.Message empty: then no word of an error text is kept, redacted or not.
	NoMessages bool
}

// Classifier labels failures. It is safe for concurrent use, and what it answers never changes.
type Classifier struct {
	rules      *ruleSet
	noMessages bool
	memo       *memo      // nil: every label is computed
	scratch    *sync.Pool // of *facts
}

// New compiles the built-in rules and the user's own. An error names every rule that is wrong, in the user's words.
func New(cfg Config) (*Classifier, error) {
	set, err := compileRules(cfg.UserRules)
	if err != nil {
		return nil, fmt.Errorf("compile rules: %w", err)
	}
	memo, err := newMemo()
	if err != nil {
		return nil, err
	}
	return &Classifier{
		rules: set, noMessages: cfg.NoMessages, memo: memo,
		scratch: &sync.Pool{New: func() any { return new(facts) }},
	}, nil
}

// Classify sets ev.Failure of a failed call or span and of an exception, and leaves every other event alone.
func (c *Classifier) Classify(ev *schemas.Event, s *schemas.Sensitive) {
	if !failed(ev) {
		return
	}
	f := c.scratch.Get().(*facts)
	defer c.scratch.Put(f)
	var key memoKey
	remember := false
	if c.memo != nil {
		f.buf, key, remember = c.memo.key(f.buf, ev, s)
	}
	label, known := schemas.Failure{}, false
	if remember {
		label, known = c.memo.labels.Get(key)
	}
	if !known {
		label = c.label(f, ev, s)
	}
	if remember && !known {
		c.memo.labels.Add(key, label)
	}
	ev.Failure = &label
}

// label computes what Classify sets.
func (c *Classifier) label(f *facts, ev *schemas.Event, s *schemas.Sensitive) schemas.Failure {
	c.gather(f, ev, s)
	best := c.decide(f)
	label := schemas.Failure{
		Category: best.info.Category, Reason: best.info.Reason, Retryable: best.info.Retryable,
		Origin: best.info.Origin, Recovery: best.info.Recovery, Rule: best.name,
		Code: c.code(f, ev, s, best.info.Reason), Type: typeOf(s), Fingerprint: fingerprint(s),
	}
	if !c.noMessages {
		label.Message = messageOf(s, best.info.Category)
	}
	return label
}

func failed(ev *schemas.Event) bool {
	switch ev.Kind {
	case schemas.ExceptionEvent:
		return true
	case schemas.Call, schemas.Span:
		return ev.Status.Failed()
	}
	return false
}

// verdict is a reason and the rule that gave it.
type verdict struct {
	info ReasonInfo
	name string
}

// decide picks the best candidate, or says that nothing is known: of an API if one is named, else of anything.
func (c *Classifier) decide(f *facts) verdict {
	best := c.best(f)
	switch {
	case best.rule != nil:
		return verdict{best.rule.info, best.rule.Rule}
	case f.owner.is([]string{"llm", "caller"}):
		return verdict{c.rules.reasons[reasonUnknownAPI], "default.unknown_api"}
	}
	return verdict{c.rules.reasons[reasonUnknown], "default.unknown"}
}

// Evidence is one rule that held. What says which of the rule's own conditions held, in the rule's words; it never quotes
// the event.
type Evidence struct {
	Level int    `json:"level"` // of the package comment, 1 the strongest
	Rule  string `json:"rule"`
	What  string `json:"what"`
	Used  bool   `json:"used"` // it decided
}

// Why lists every rule that held for the event, in the order of the files, and marks the one that decided. It is empty
// when nothing held, and nil when the event is no failure.
func (c *Classifier) Why(ev *schemas.Event, s *schemas.Sensitive) []Evidence {
	if !failed(ev) {
		return nil
	}
	f := c.scratch.Get().(*facts)
	defer c.scratch.Put(f)
	c.gather(f, ev, s)
	used := c.decide(f).name
	list := []Evidence{}
	for _, r := range c.rules.rules {
		if r.holds(f) > 0 {
			list = append(list, Evidence{r.level, r.Rule, r.what(f), r.Rule == used})
		}
	}
	return list
}
