package sink

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/tracetally/tracetally/schemas"
)

// column is the first column of a query's rows, as the superuser sees them.
func column[T any](t testing.TB, s *Store, sql string, args ...any) []T {
	t.Helper()
	conn := admin(t, s)
	defer func() { _ = conn.Close(context.Background()) }()
	rows, err := conn.Query(t.Context(), sql, args...)
	if err != nil {
		t.Fatalf("query: %v", err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("query: %v", err)
	}
	return all
}

func one[T any](t testing.TB, s *Store, sql string, args ...any) T {
	t.Helper()
	all := column[T](t, s, sql, args...)
	if len(all) != 1 {
		t.Fatalf("%d rows of %s, want 1", len(all), sql)
	}
	return all[0]
}

// noon is the clock of the tests.
func noon() time.Time { return time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC) }

func atNoon() Config { return Config{Now: noon} }

func startAt(offset int64) Start {
	return func(context.Context, bool) (int64, error) { return offset, nil }
}

func acquire(t testing.TB, s *Store, topic string, partition int32) Claim {
	t.Helper()
	c, err := s.Acquire(t.Context(), topic, partition, "cluster", startAt(0))
	if err != nil {
		t.Fatalf("acquire %s/%d: %v", topic, partition, err)
	}
	return c
}

// commit commits batches in one transaction, as the committer does.
func commit(t testing.TB, s *Store, batches ...*Batch) []Outcome {
	t.Helper()
	works := make([]*work, len(batches))
	for i, b := range batches {
		if err := b.validate(); err != nil {
			t.Fatal(err)
		}
		works[i] = newWork(b)
	}
	if err := s.commitAll(t.Context(), works); err != nil {
		t.Fatalf("commit: %v", err)
	}
	outcomes := make([]Outcome, len(works))
	for i, w := range works {
		outcomes[i] = w.outcome
	}
	return outcomes
}

// logged is what a partition holds at one offset: events, a reject, a gap, or nothing of ours.
type logged struct {
	time   time.Time
	events []schemas.Event
	reject schemas.Reason
	gap    bool
}

func (b *Batch) add(offset int64, events ...schemas.Event) *Batch {
	for i := range events {
		b.Add(offset, &events[i])
	}
	return b
}

// cut makes a batch of log[from:to]; the log begins at offset 0.
func cut(c Claim, log []logged, from, to int) *Batch {
	b := &Batch{Claim: c, From: int64(from), To: int64(to), FirstTime: log[from].time, LeaderEpoch: 3}
	for i, r := range log[from:to] {
		offset := int64(from + i)
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(offset)))
		switch {
		case r.gap:
			b.Gaps = append(b.Gaps, Range{From: offset, To: offset + 1})
		case r.reject != "":
			b.Quarantined = append(b.Quarantined, Range{From: offset, To: offset + 1, Reason: r.reject, Size: 7, SHA256: sum[:]})
		case len(r.events) > 0:
			b.add(offset, r.events...)
		}
		if r.time.After(b.Watermark) {
			b.Watermark = r.time
		}
		b.Anchor = Anchor{Offset: offset, Hash: sum[:]}
	}
	return b
}

// call is a finished, priced call.
func call(id string, at time.Time) schemas.Event {
	return schemas.Event{
		Kind: schemas.Call, ID: id, Time: at, TraceID: "trace-" + id, Environment: "prod", Service: "api", Provider: "openai",
		Model: "gpt-4o", ModelRaw: "gpt-4o-2024-08-06", Operation: schemas.OpChat, InputBucket: "1k_2k_tokens",
		Status:  schemas.StatusOK,
		Latency: schemas.Some(850 * time.Millisecond),
		Usage: schemas.Usage{
			InputTokens: schemas.CountOf(1284), OutputTokens: schemas.CountOf(90),
			Tokens: schemas.Tokens{Input: schemas.Some[int64](1284), Output: schemas.Some[int64](90)},
		},
		CostUSD: schemas.Some(schemas.NewDecimal(411, 5)), CostStatus: schemas.CostBook, PriceKey: "gpt-4o", PriceVersion: "0@-",
	}
}

func failed(e schemas.Event, reason string) schemas.Event {
	e.Status = schemas.StatusError
	e.HTTPStatus = 429
	e.Failure = &schemas.Failure{
		Category: schemas.APIError, Reason: reason, Code: "429", Type: "RateLimitError", Retryable: true, Rule: "r1",
		Fingerprint: "v1:" + reason, Message: "rate limited " + e.ID,
	}
	return e
}

func exception(id string, at time.Time) schemas.Event {
	return schemas.Event{
		Kind: schemas.ExceptionEvent, ID: id, Time: at, TraceID: "trace-" + id, Environment: "prod", Service: "api",
		Failure: &schemas.Failure{
			Category: schemas.ParsingError, Reason: "invalid_json", Type: "JSONDecodeError", Fingerprint: "v1:json",
			Message: "line 1 " + id,
		},
	}
}

// randomEvent draws one of all sorts of events, of the three days before noon.
func randomEvent(r *rand.Rand, id string) schemas.Event {
	e := call(id, noon().Add(-time.Duration(r.Int64N(int64(72*time.Hour)))).Truncate(time.Microsecond))
	pick := func(all ...string) string { return all[r.IntN(len(all))] }
	e.Environment, e.Service = pick("prod", "staging", ""), pick("api", "batch")
	e.Model, e.PromptName, e.TaskType = pick("gpt-4o", "claude", "mini"), pick("", "summary"), pick("", "extract")
	e.CostUSD = schemas.Some(schemas.NewDecimal(r.Int64N(1_000_000), uint16(r.IntN(13))))
	e.Usage.CacheReadTokens = schemas.CountOf(r.Int64N(1000))
	e.Usage.Tokens.Input = schemas.Some(r.Int64N(300_000))
	e.Usage.Tokens.Output = schemas.Some(r.Int64N(4000))
	e.Latency = schemas.Some(time.Duration(r.Int64N(int64(10*time.Minute)) >> r.IntN(16)))
	e.TTFT = schemas.Opt[time.Duration]{V: time.Duration(r.Int64N(int64(time.Minute))), Ok: r.IntN(2) == 0}
	e.Retries = r.Int64N(3)
	switch r.IntN(10) {
	case 0, 1:
		e = failed(e, pick("rate_limit", "server_error"))
	case 2:
		e = exception(id, e.Time)
	case 3:
		e.CostUSD, e.CostReason = schemas.Opt[schemas.USD]{}, schemas.UnknownModel
	case 4:
		e.Status = schemas.StatusStarted
	case 5:
		e.Final = schemas.Some(false)
	case 6:
		e.Kind = schemas.Span
	}
	return e
}

// randomLog draws n records; ids repeat, now and then with other content. prefix keeps the ids of two logs apart.
func randomLog(r *rand.Rand, prefix string, n int) []logged {
	made := map[string]schemas.Event{}
	log := make([]logged, n)
	for i := range log {
		log[i].time = noon().Add(-72*time.Hour + time.Duration(i)*time.Minute)
		switch r.IntN(12) {
		case 0:
			log[i].reject = schemas.Malformed
		case 1:
			log[i].gap = true
		case 2:
		default:
			for range 1 + r.IntN(3) {
				log[i].events = append(log[i].events, randomCopy(r, made, fmt.Sprintf("%s-%d", prefix, r.IntN(2*n))))
			}
		}
	}
	return log
}

func randomCopy(r *rand.Rand, made map[string]schemas.Event, id string) schemas.Event {
	e, ok := made[id]
	if !ok {
		e = randomEvent(r, id)
		if r.IntN(20) == 0 {
			e.Time = noon().Add(-40 * day) // late
		}
		made[id] = e
	} else if r.IntN(5) == 0 {
		e.SessionID = uuid.NewString() // same id, other content
	}
	return e
}

// dump is every table of the schema as text, without what differs from run to run: tokens, commit ids, clocks, and watermarks,
// which go by batches.
func dump(t testing.TB, s *Store) map[string][]string {
	t.Helper()
	skip := []string{
		"owner", "owner_token", "epoch", "acquired_at", "updated_at", "caught_up_at", "last_commit", "first_at", "watermark",
	}
	all := map[string][]string{}
	for _, table := range []string{
		"progress", "horizon", "quarantined", "gap", "series", "error_series", "dimension_value", "ledger", "error_group",
		"rollup_calls_1m", "rollup_calls_1h", "rollup_calls_1d", "rollup_errors_1m", "rollup_errors_1h", "rollup_errors_1d",
	} {
		all[table] = column[string](t, s, `select (to_jsonb(x) - $1::text[])::text as r from tracetally.`+table+` x order by r`, skip)
	}
	return all
}

func sameTables(t testing.TB, got, want map[string][]string) {
	t.Helper()
	for table, rows := range want {
		if len(rows) != len(got[table]) {
			t.Errorf("%s has %d rows, want %d", table, len(got[table]), len(rows))
			continue
		}
		for i := range rows {
			if got[table][i] != rows[i] {
				t.Errorf("%s row %d =\n%s\nwant\n%s", table, i, got[table][i], rows[i])
				break
			}
		}
	}
}
