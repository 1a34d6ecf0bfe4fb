package main

import (
	"encoding/json"
	"math/big"
	"testing"
	"time"

	"github.com/tracetally/tracetally/classify"
	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/internal/pipeline"
	"github.com/tracetally/tracetally/internal/traffic"
	"github.com/tracetally/tracetally/schemas"
)

// tally is what the pure part of the product makes of records: the figures of the books, from the other side.
type tally struct {
	seen                 map[string]bool
	rejects, events      map[string]int64
	failures, exceptions map[traffic.Cause]int64
	ignored, duplicates  int64
	calls                traffic.CallBooks
}

// TestTheLineMakesOfTheTrafficWhatTheBooksSay holds decoder, price book and classifier against the producer's books,
// which share no code with them: every verdict, every token, every cent and every cause.
func TestTheLineMakesOfTheTrafficWhatTheBooksSay(t *testing.T) {
	line := newLine(t)
	g := traffic.New(traffic.Config{
		Seed: 3, Start: begun, MaxLate: 10 * time.Second, Poison: 0.02, Incidents: traffic.Schedule(4 * time.Minute),
	})
	got := tally{
		seen: map[string]bool{}, rejects: map[string]int64{}, events: map[string]int64{},
		failures: map[traffic.Cause]int64{}, exceptions: map[traffic.Cause]int64{},
		calls: traffic.CallBooks{CostUSD: new(big.Rat), WastedUSD: new(big.Rat)},
	}
	for offset := range int64(24_000) {
		got.record(line, g.Next(), offset)
	}
	got.hold(t, g.Books())
}

func newLine(t *testing.T) *pipeline.Line {
	t.Helper()
	book, err := enrich.LoadBook(enrich.BookConfig{})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := classify.New(classify.Config{})
	if err != nil {
		t.Fatal(err)
	}
	line, err := pipeline.NewLine(pipeline.LineConfig{Enrich: enrich.Config{Book: book}}, rules)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func recordOf(r traffic.Record, offset int64) schemas.Record {
	rec := schemas.Record{
		Topic: r.Topic, Partition: r.Partition, Offset: offset, Timestamp: r.Time, Key: r.Key, Value: r.Value,
	}
	for _, h := range r.Headers {
		rec.Headers = append(rec.Headers, schemas.Header{Key: h.Key, Value: h.Value})
	}
	return rec
}

func (y *tally) record(line *pipeline.Line, r traffic.Record, offset int64) {
	rec := recordOf(r, offset)
	res := line.Walk(&rec)
	if res.Reject != "" {
		y.rejects[string(res.Reject)]++
		return
	}
	ours := 0
	for i := range res.Events {
		if !res.Events[i].Ignored {
			ours++
			y.event(&res.Events[i].Event)
		}
	}
	if ours == 0 {
		y.ignored++
	}
}

func (y *tally) event(e *schemas.Event) {
	if y.seen[e.ID] {
		y.duplicates++
		return
	}
	y.seen[e.ID] = true
	started := e.Status == schemas.StatusStarted
	if started {
		y.events["started"]++
		return
	}
	y.events[e.Kind.String()]++
	var cause traffic.Cause
	if e.Failure != nil {
		cause = traffic.Cause{Category: string(e.Failure.Category), Reason: e.Failure.Reason}
	}
	switch e.Kind {
	case schemas.ExceptionEvent:
		y.exceptions[cause]++
	case schemas.Call:
		y.call(e, cause)
	}
}

func (y *tally) call(e *schemas.Event, cause traffic.Cause) {
	c, u := &y.calls, e.Usage
	c.Calls++
	c.InputTokens += u.Tokens.Input.V
	c.OutputTokens += u.Tokens.Output.V
	for _, n := range []struct {
		sum   *int64
		count schemas.Count
	}{{&c.CacheRead, u.CacheReadTokens}, {&c.CacheWrite, u.CacheWriteTokens}, {&c.ReasoningTokens, u.ReasoningTokens}} {
		whole, _ := n.count.Int()
		*n.sum += whole
	}
	cost, known := new(big.Rat).SetString(e.CostUSD.V.String())
	if !e.CostUSD.Ok || !known {
		c.Unpriced++
		cost = new(big.Rat)
	}
	c.CostUSD.Add(c.CostUSD, cost)
	if e.Status.Failed() {
		c.Failed++
		c.WastedUSD.Add(c.WastedUSD, cost)
		y.failures[cause]++
	}
}

func (y *tally) hold(t *testing.T, b traffic.Books) {
	t.Helper()
	ignored := int64(0)
	for _, topic := range b.Topics {
		ignored += topic.Ignored
	}
	if y.ignored != ignored || y.duplicates != b.DuplicateEvents {
		t.Errorf("ignored %d, duplicate events %d; the books say %d, %d", y.ignored, y.duplicates, ignored, b.DuplicateEvents)
	}
	equal(t, "rejects", y.rejects, b.Rejects)
	equal(t, "events", y.events, b.Events)
	equal(t, "failures", y.failures, b.Failures)
	equal(t, "exceptions", y.exceptions, b.Exceptions)
	got, want := y.calls, b.Calls
	if got.CostUSD.Cmp(want.CostUSD) != 0 || got.WastedUSD.Cmp(want.WastedUSD) != 0 {
		t.Errorf("cost %s, wasted %s; the books say %s, %s", got.CostUSD.FloatString(12), got.WastedUSD.FloatString(12),
			want.CostUSD.FloatString(12), want.WastedUSD.FloatString(12))
	}
	got.CostUSD, got.WastedUSD, want.CostUSD, want.WastedUSD = nil, nil, nil, nil
	if got != want {
		t.Errorf("calls %+v; the books say %+v", got, want)
	}
}

func equal[K comparable](t *testing.T, what string, got, want map[K]int64) {
	t.Helper()
	for k, n := range want {
		if got[k] != n {
			t.Errorf("%s: %v is %d, the books say %d", what, k, got[k], n)
		}
	}
	for k, n := range got {
		if _, ok := want[k]; !ok {
			t.Errorf("%s: %v is %d, the books know no such", what, k, n)
		}
	}
}

// TestEventsKeepTheirWordsWhenTheDecoderGoesOn: an event outlives the record that it came from, whose bytes the decoder
// writes over with the next one. A string that still points there would put pieces of prompts into tables and labels.
func TestEventsKeepTheirWordsWhenTheDecoderGoesOn(t *testing.T) {
	line := newLine(t)
	g := traffic.New(traffic.Config{Seed: 5, Start: begun, Incidents: traffic.Schedule(time.Minute)})
	var kept []schemas.Event
	var then []string
	for offset := range int64(4_000) {
		rec := recordOf(g.Next(), offset)
		for _, d := range line.Walk(&rec).Events {
			kept, then = append(kept, d.Event), append(then, wordsOf(t, d.Event))
		}
		clear(rec.Value) // and the reader reuses its buffers too
		clear(rec.Key)
		for _, h := range rec.Headers {
			clear(h.Value)
		}
	}
	changed := 0
	for i := range kept {
		if now := wordsOf(t, kept[i]); now != then[i] && changed < 3 {
			changed++
			at := 0
			for now[at] == then[i][at] {
				at++
			}
			t.Errorf("event %d: %.120q\nis now %.120q", i, then[i][max(0, at-40):], now[max(0, at-40):])
		}
	}
}

func wordsOf(t *testing.T, e schemas.Event) string {
	t.Helper()
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
