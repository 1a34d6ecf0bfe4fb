package traffic

import (
	"encoding/json"
	"math/big"
	"testing"
	"time"
)

func TestTheBooksAddUp(t *testing.T) {
	g := New(Config{Seed: 11, Start: start, MaxLate: 5 * time.Second, Incidents: Schedule(time.Minute)})
	n := int64(0)
	for range 9000 {
		g.Next()
		n++
	}
	n += int64(len(g.Finish(g.clock)))
	b := g.Books()
	if b.Sent() != n {
		t.Errorf("sent %d records, the books say %d", n, b.Sent())
	}
	for name, topic := range b.Topics {
		var p PartitionBooks
		for at, q := range b.Partitions {
			if at.Topic == name {
				p.Usable += q.Usable
				p.Quarantined += q.Quarantined
				p.Ignored += q.Ignored
			}
		}
		if want := (PartitionBooks{topic.Counted + topic.Duplicate, topic.Quarantined, topic.Ignored}); p != want {
			t.Errorf("%s: partitions %+v, topic %+v", name, p, want)
		}
	}
	failed, quarantined, rejects := int64(0), int64(0), int64(0)
	for _, k := range b.Failures {
		failed += k
	}
	for _, topic := range b.Topics {
		quarantined += topic.Quarantined
	}
	for _, k := range b.Rejects {
		rejects += k
	}
	if failed != b.Calls.Failed || b.Events[kindCall] != b.Calls.Calls || quarantined != rejects {
		t.Errorf("failed %d/%d, calls %d/%d, quarantined %d/%d",
			failed, b.Calls.Failed, b.Events[kindCall], b.Calls.Calls, quarantined, rejects)
	}
	if len(b.Rejects) != 7 {
		t.Errorf("reasons of rejects: %v, want all seven that are sent", b.Rejects)
	}
}

// recount reads the records as a stranger would and counts what is in them.
type recount struct {
	events     map[string]int64
	duplicates int64
	seen       map[string]bool
	rejected   int64
}

func (c *recount) record(t *testing.T, r Record) {
	var v map[string]json.RawMessage
	if json.Unmarshal(r.Value, &v) != nil {
		c.rejected++
		return
	}
	if data, ok := v["data"]; ok {
		var inner string
		if err := json.Unmarshal(data, &inner); err != nil {
			t.Fatalf("data is no string: %v", err)
		}
		c.event(t, json.RawMessage(inner))
		return
	}
	if batch, ok := v["batch"]; ok {
		var events []json.RawMessage
		if err := json.Unmarshal(batch, &events); err != nil {
			t.Fatalf("batch is no array: %v", err)
		}
		for _, e := range events {
			c.event(t, e)
		}
		return
	}
	c.event(t, r.Value)
}

func (c *recount) event(t *testing.T, raw json.RawMessage) {
	var e struct {
		Event, UUID string
		Properties  map[string]json.RawMessage
	}
	if err := json.Unmarshal(raw, &e); err != nil || e.Event == "" || e.Properties == nil {
		t.Fatalf("no event: %v in %.100s", err, raw)
	}
	kind, ours := map[string]string{
		"$ai_generation": kindCall, "$ai_embedding": kindCall, "llm_request_completed": kindCall, "llm_request_failed": kindCall,
		"llm_request_started": kindStarted, "$ai_span": kindSpan, "$ai_trace": kindSpan, "$exception": kindException,
		"llm_output_rated": kindFeedback, "llm_task_completed": kindOutcome,
	}[e.Event]
	switch {
	case !ours:
	case e.UUID != "" && c.seen[e.UUID]:
		c.duplicates++
	default:
		c.seen[e.UUID] = true
		c.events[kind]++
	}
}

func TestAStrangerCountsWhatTheBooksSay(t *testing.T) {
	g := New(Config{Seed: 13, Start: start, Poison: -1, MaxLate: 5 * time.Second, Incidents: Schedule(time.Minute)})
	c := recount{events: map[string]int64{}, seen: map[string]bool{}}
	for range 6000 {
		if r := g.Next(); r.Value != nil {
			c.record(t, r)
		}
	}
	b := g.Books()
	if c.rejected != 0 {
		t.Errorf("%d records are no JSON", c.rejected)
	}
	if c.duplicates != b.DuplicateEvents || c.duplicates == 0 {
		t.Errorf("%d second copies of events, the books say %d", c.duplicates, b.DuplicateEvents)
	}
	for kind, want := range b.Events {
		if c.events[kind] != want {
			t.Errorf("%s: %d events, the books say %d", kind, c.events[kind], want)
		}
	}
}

func TestCostFollowsFromThePriceList(t *testing.T) {
	models := map[string]model{}
	for _, m := range chatModels() {
		models[m.provider+"/"+m.name] = m
	}
	tests := []struct {
		model         string
		sent          sentTokens
		input, output int64
		cost          string
	}{
		// 260 fresh at 0.4, 1,024 cached at 0.1, 312 out at 1.6, by the million: worked by hand.
		{"openai/gpt-4.1-mini", sentTokens{input: 1284, cacheRead: 1024, output: 312, reasoning: 64}, 1284, 312, "0.0007056"},
		// The provider leaves the cached part out of input: 21 at 3, 2,048 at 0.3, 188 at 3.75, 73 at 15.
		{"anthropic/claude-sonnet-4-5", sentTokens{input: 21, cacheRead: 2048, cacheWrite: 188, output: 73}, 2257, 73, "0.0024774"},
		// The provider leaves reasoning out of output: 1,000 at 0.3, 300 at 2.5.
		{"gemini/gemini-2.5-flash", sentTokens{input: 1000, output: 100, reasoning: 200}, 1000, 300, "0.00105"},
	}
	for _, tt := range tests {
		u := models[tt.model].usageOf(tt.sent)
		want, _ := new(big.Rat).SetString(tt.cost)
		if u.input != tt.input || u.output != tt.output || u.cost.Cmp(want) != 0 {
			t.Errorf("%s: %d in, %d out, %s USD; want %d, %d, %s", tt.model, u.input, u.output, u.cost.FloatString(10), tt.input, tt.output, tt.cost)
		}
	}
	if u := unknownModel().usageOf(sentTokens{input: 5}); u.cost != nil {
		t.Errorf("a model without a price cost %v", u.cost)
	}
}
