package pipeline

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/semaphore"

	"github.com/tracetally/tracetally/schemas"
)

func TestCapturedEventsEndInTheTablesAsExplained(t *testing.T) {
	t.Parallel()
	const topic = "captured"
	r := newRig(t, map[string]int32{topic: 1})
	records := captured(t, topic)
	r.produce(records...)
	r.readUpTo(r.config(topic), topic, int64(len(records)))

	want := r.walked(records)
	r.until(fmt.Sprint(want.events), `select sum(events_new + events_duplicate + events_conflicting)::bigint from tracetally.partition_progress`)
	r.until(fmt.Sprint(want.distinct), `select sum(events_new)::bigint from tracetally.partition_progress`)
	r.until(fmt.Sprint(want.calls), `select sum(calls)::bigint from tracetally.calls_1d`)
	r.until(fmt.Sprint(want.input), `select sum(input_tokens)::bigint from tracetally.calls_1m`)
	r.until(fmt.Sprint(want.output), `select sum(output_tokens)::bigint from tracetally.calls_1h`)
	r.until("true", `select sum(cost_usd) = $1::numeric from tracetally.calls_1m`, want.cost.String())
	for reason, n := range want.failures {
		r.until(fmt.Sprint(n), `select sum(failures + exceptions)::bigint from tracetally.errors_1m where category || '/' || reason = $1`, reason)
	}
}

// walk is what the pure part of the line says of records, summed over distinct events.
type walk struct {
	events, distinct, calls, input, output int64
	cost                                   schemas.USD
	failures                               map[string]int64
}

func (r *rig) walked(records []*kgo.Record) walk {
	r.t.Helper()
	line, err := NewLine(r.line(), r.rules)
	if err != nil {
		r.t.Fatal(err)
	}
	sum := walk{failures: map[string]int64{}}
	seen := map[string]bool{}
	for i, rec := range records {
		in := schemas.Record{Topic: rec.Topic, Offset: int64(i), Key: rec.Key, Value: rec.Value}
		for _, h := range rec.Headers {
			in.Headers = append(in.Headers, schemas.Header{Key: h.Key, Value: h.Value})
		}
		res := line.Walk(&in)
		for k := range res.Events {
			if e := &res.Events[k].Event; !res.Events[k].Ignored {
				sum.add(e, seen)
			}
		}
	}
	return sum
}

func (w *walk) add(e *schemas.Event, seen map[string]bool) {
	w.events++
	key := e.ID + e.Time.String()
	if seen[key] {
		return
	}
	seen[key] = true
	w.distinct++
	if e.Failure != nil && (e.Kind == schemas.Call || e.Kind == schemas.ExceptionEvent) {
		w.failures[string(e.Failure.Category)+"/"+e.Failure.Reason]++
	}
	if e.Kind != schemas.Call || e.Status == schemas.StatusStarted {
		return
	}
	w.calls++
	w.input += e.Usage.Tokens.Input.V
	w.output += e.Usage.Tokens.Output.V
	w.cost = w.cost.Add(e.CostUSD.V)
}

// rewind makes PostgreSQL forget what was read, as if a new worker began at offset 0 with the tables as they are.
const rewind = `update tracetally.progress set next_offset = start_offset, counted = 0, duplicate = 0, late = 0, quarantined = 0,
ignored = 0, gap = 0, anchor_hash = null`

func TestReplayedTopicChangesNothing(t *testing.T) {
	t.Parallel()
	const topic = "replayed"
	r := newRig(t, map[string]int32{topic: 1})
	records := captured(t, topic)
	r.produce(records...)
	r.readUpTo(r.config(topic), topic, int64(len(records)))
	before := r.contents()
	if _, err := r.db.Exec(t.Context(), rewind); err != nil {
		t.Fatal(err)
	}
	cfg := r.config(topic)
	cfg.BatchEvents = 3 // and in other batches
	r.readUpTo(cfg, topic, int64(len(records)))
	same(t, r.contents(), before)
	r.until("0", `select sum(counted)::bigint from tracetally.partition_progress`)
}

func TestEventSentTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	const topic = "twice"
	r := newRig(t, map[string]int32{topic: 2})
	var records, again []*kgo.Record
	for _, rec := range captured(t, topic) {
		if !r.hasIDs(rec) { // without an id of its own an event meets no twin
			continue
		}
		records = append(records, rec)
		again = append(again, &kgo.Record{Topic: topic, Partition: 1, Key: rec.Key, Value: rec.Value, Headers: rec.Headers})
	}
	r.produce(records...)
	w := r.start(r.config(topic))
	r.accounted(topic, int64(len(records)))
	before := r.contents()
	r.produce(again...)
	r.accounted(topic, int64(2*len(records)))
	w.close()
	same(t, r.contents(), before)
	r.until("0", `select sum(counted)::bigint from tracetally.partition_progress where partition = 1`)
}

// hasIDs tells whether every event of a record brings an id of its own.
func (r *rig) hasIDs(rec *kgo.Record) bool {
	line, err := NewLine(r.line(), r.rules)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, d := range line.Walk(&schemas.Record{Value: rec.Value}).Events {
		if !d.Ignored && d.Event.IDMade {
			return false
		}
	}
	return true
}

func TestBadInputIsSetAsideAndStopsNobody(t *testing.T) {
	t.Parallel()
	const topic = "bad"
	r := newRig(t, map[string]int32{topic: 1})
	good := `{"event":"llm_request_completed","uuid":"0197a0b0-0000-7000-8000-%012d","timestamp":"2026-11-22T02:23:58Z","properties":{"trace_id":"t","model":"gpt-4.1-mini","provider":"openai","input_tokens":1284,"output_tokens":312,"status":"success"}}`
	bad := []struct {
		value  string
		reason schemas.Reason
	}{
		{"", schemas.Malformed},
		{"null", schemas.Malformed},
		{"{", schemas.Malformed},
		{`{"event":"$ai_generation","properties":{"$ai_input_tokens":NaN}}`, schemas.Malformed},
		{`{"event":"$ai_generation","properties":{}} x`, schemas.Malformed},
		{strings.Repeat("[", 70) + strings.Repeat("]", 70), schemas.TooDeep},
		{`{"event":"$ai_generation","properties":{` + wide(2001) + `}}`, schemas.TooWide},
		{`{"event":"$ai_generation","properties":{"$ai_input":"` + strings.Repeat("x", 9<<20) + `"}}`, schemas.Oversize},
		{`{"event":"$ai_generation","properties":{"$ai_model":"a","$ai_model":"b"}}`, schemas.Ambiguous},
		{`{"event":"$ai_generation","properties":{"$ai_model":"a","$AI_MODEL":"b"}}`, schemas.Ambiguous},
		{`{"event":"$ai_generation","properties":{"$ai_input_tokens":` + strings.Repeat("9", 41) + `}}`, schemas.BadNumber},
		{`{"event":"$ai_generation","uuid":"0197a0b0-0000-7000-8000-000000000001","timestamp":"2190-01-01T00:00:00Z","properties":{}}`, schemas.ClockSkew},
		{`{"weather":"fine"}`, schemas.UnknownFormat},
		{`{"event":"$exception","uuid":"0197a0b0-0000-7000-8000-000000000002","properties":{"$exception_list":[]}}`, schemas.Malformed},
	}
	want := map[schemas.Reason]int64{}
	for i, b := range bad {
		r.produce(
			&kgo.Record{Topic: topic, Value: []byte(fmt.Sprintf(good, i))},
			&kgo.Record{Topic: topic, Value: []byte(b.value)},
			&kgo.Record{Topic: topic, Value: nil}, // a tombstone, ignored
		)
		want[b.reason]++
	}
	r.readUpTo(r.config(topic), topic, int64(3*len(bad)))
	r.until(fmt.Sprint(len(bad)), `select sum(calls)::bigint from tracetally.calls_1m`)
	r.until(fmt.Sprint(len(bad)), `select sum(ignored)::bigint from tracetally.partition_progress`)
	for reason, n := range want {
		r.until(fmt.Sprint(n), `select sum(to_offset - from_offset)::bigint from tracetally.quarantine where reason = $1`, string(reason))
	}
}

func TestBugThatOneRecordBringsOutSetsItAside(t *testing.T) {
	t.Parallel()
	broken := &Line{decoder: schemas.NewDecoder(schemas.DecoderConfig{})} // nothing to enrich with: it panics
	const secret = "text of a prompt"
	res := broken.Walk(&schemas.Record{Value: []byte(`{"event":"$ai_generation","properties":{"$ai_input":"` + secret + `"}}`)})
	if res.Reject != schemas.Malformed || len(res.Events) != 0 || !strings.HasPrefix(res.Bug, "enrich.") {
		t.Errorf("reject %q, %d events, bug at %q", res.Reject, len(res.Events), res.Bug)
	}
}

func TestBatchOfBadRecordsIsBounded(t *testing.T) {
	t.Parallel()
	b := builder{limit: 10, now: time.Now, room: &room{events: semaphore.NewWeighted(leastBytes)}}
	b.reset(0)
	for i := range int64(10) {
		if b.full() {
			t.Fatalf("full after %d records", i)
		}
		b.record(&schemas.Record{Offset: i, Value: []byte("x")}, &schemas.Result{Reject: schemas.Malformed})
	}
	if !b.full() {
		t.Error("not full after 10 records that cannot be used")
	}
}

// wide is an object's inside with n keys.
func wide(n int) string {
	keys := map[string]int{}
	for i := range n {
		keys[fmt.Sprint("k", i)] = i
	}
	text, _ := json.Marshal(keys)
	return strings.Trim(string(text), "{}")
}
