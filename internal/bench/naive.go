package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/jackc/pgx/v5"
	"github.com/segmentio/kafka-go"
)

// naive is the worker that a user would write by hand in an afternoon: kafka-go's Reader in a group, encoding/json into a
// struct, prices as floats, a cache of ids against duplicates, and once a second one upsert for each key. It promises
// less than the product: a crash between flush and commit doubles numbers, and so does a duplicate older than the cache.
type naive struct {
	reader *kafka.Reader
	conn   *pgx.Conn
	seen   *lru.Cache[string, struct{}]
	sums   map[naiveKey]*naiveSums
	prices map[string]naivePrice
	// newest is the last message of each partition, to commit after the next flush.
	newest map[int]kafka.Message
}

type naiveEvent struct {
	Event      string          `json:"event"`
	UUID       string          `json:"uuid"`
	Timestamp  time.Time       `json:"timestamp"`
	DistinctID string          `json:"distinct_id"`
	Data       string          `json:"data"` // the whole event once more, where capture wrote the record
	Properties naiveProperties `json:"properties"`
}

type naiveProperties struct {
	Provider      string  `json:"$ai_provider"`
	Model         string  `json:"$ai_model"`
	TraceID       string  `json:"$ai_trace_id"`
	SpanID        string  `json:"$ai_span_id"`
	SessionID     string  `json:"$ai_session_id"`
	HTTPStatus    int     `json:"$ai_http_status"`
	IsError       bool    `json:"$ai_is_error"`
	Error         string  `json:"$ai_error"`
	Latency       float64 `json:"$ai_latency"`
	FirstToken    float64 `json:"$ai_time_to_first_token"`
	InputTokens   int64   `json:"$ai_input_tokens"`
	OutputTokens  int64   `json:"$ai_output_tokens"`
	CacheRead     int64   `json:"$ai_cache_read_input_tokens"`
	StopReason    string  `json:"$ai_stop_reason"`
	BaseURL       string  `json:"$ai_base_url"`
	PromptName    string  `json:"prompt_name"`
	PromptVersion string  `json:"prompt_version_id"`
	TaskType      string  `json:"task_type"`
	Environment   string  `json:"environment"`
	Service       string  `json:"service"`
	RequestID     string  `json:"request_id"`
	Attempt       int     `json:"attempt"`
}

type naiveKey struct {
	minute                                           time.Time
	environment, service, provider, model            string
	prompt, version, inputBucket, status, categories string
}

type naiveSums struct {
	calls, failures, exceptions, input, output int64
	cost, latency                              float64
}

// naivePrice is USD per million tokens.
type naivePrice struct{ input, cached, output float64 }

func naivePrices() map[string]naivePrice {
	return map[string]naivePrice{
		"gpt-4o-mini": {0.15, 0.075, 0.6}, "gpt-4o": {2.5, 1.25, 10}, "gpt-4.1-mini": {0.4, 0.1, 1.6},
		"claude-sonnet-4-5": {3, 0.3, 15}, "claude-3-5-haiku-latest": {0.8, 0.08, 4},
		"gemini-2.5-flash": {0.3, 0.03, 2.5}, "gemini-2.5-pro": {1.25, 0.125, 10},
	}
}

const naiveTable = `
create table if not exists rollups (
  minute timestamptz, environment text, service text, provider text, model text, prompt text, version text,
  input_bucket text, status text, category text,
  calls bigint, failures bigint, exceptions bigint, input bigint, output bigint, cost double precision, latency double precision,
  primary key (minute, environment, service, provider, model, prompt, version, input_bucket, status, category)
)`

// runNaive is that worker as a process. It ends when it has read so many events.
func runNaive(ctx context.Context, args []string) error {
	addr, n, err := readerArgs(args)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, os.Getenv(urlVariable))
	if err != nil {
		return fmt.Errorf("reach PostgreSQL: %w", err)
	}
	defer conn.Close(ctx) //nolint:errcheck // at the end
	if _, err := conn.Exec(ctx, naiveTable); err != nil {
		return fmt.Errorf("create the table: %w", err)
	}
	seen, err := lru.New[string, struct{}](100_000)
	if err != nil {
		return fmt.Errorf("make the cache: %w", err)
	}
	w := &naive{
		reader: newReader(addr, "bench-naive"), conn: conn, seen: seen, sums: map[naiveKey]*naiveSums{},
		prices: naivePrices(), newest: map[int]kafka.Message{},
	}
	defer w.reader.Close() //nolint:errcheck // at the end
	return w.run(ctx, n)
}

func (w *naive) run(ctx context.Context, n int) error {
	var r report
	flushed := time.Now()
	for i := range n {
		m, err := w.reader.FetchMessage(ctx)
		if err != nil {
			return fmt.Errorf("read a message: %w", err)
		}
		if i == 0 {
			r.begin()
		}
		if err := w.handle(m.Value); err != nil {
			return err
		}
		w.newest[m.Partition] = m
		if time.Since(flushed) >= time.Second || i == n-1 {
			if err := w.flush(ctx); err != nil {
				return err
			}
			flushed = time.Now()
		}
	}
	return r.print(n)
}

func (w *naive) handle(value []byte) error {
	var e naiveEvent
	if err := json.Unmarshal(value, &e); err != nil {
		return fmt.Errorf("decode an event: %w", err)
	}
	if e.Data != "" {
		if err := json.Unmarshal([]byte(e.Data), &e); err != nil {
			return fmt.Errorf("decode the event in an event: %w", err)
		}
	}
	if ok, _ := w.seen.ContainsOrAdd(e.UUID, struct{}{}); ok {
		return nil
	}
	p := &e.Properties
	key := naiveKey{
		minute: e.Timestamp.Truncate(time.Minute), environment: p.Environment, service: p.Service, provider: p.Provider,
		model: p.Model, prompt: p.PromptName, version: p.PromptVersion, inputBucket: naiveBucket(p.InputTokens),
		status: "ok", categories: naiveCategory(p),
	}
	if p.IsError {
		key.status = "error"
	}
	sums := w.sums[key]
	if sums == nil {
		sums = &naiveSums{}
		w.sums[key] = sums
	}
	w.add(sums, &e)
	return nil
}

func (w *naive) add(sums *naiveSums, e *naiveEvent) {
	p := &e.Properties
	if e.Event == "$exception" {
		sums.exceptions++
		return
	}
	sums.calls++
	if p.IsError {
		sums.failures++
	}
	price := w.prices[p.Model]
	sums.cost += (float64(p.InputTokens-p.CacheRead)*price.input + float64(p.CacheRead)*price.cached +
		float64(p.OutputTokens)*price.output) / 1e6
	sums.input, sums.output, sums.latency = sums.input+p.InputTokens, sums.output+p.OutputTokens, sums.latency+p.Latency
}

func naiveBucket(tokens int64) string {
	switch {
	case tokens < 1000:
		return "0_1k_tokens"
	case tokens < 2000:
		return "1k_2k_tokens"
	case tokens < 4000:
		return "2k_4k_tokens"
	}
	return "4k_plus"
}

func naiveCategory(p *naiveProperties) string {
	text := strings.ToLower(p.Error)
	switch {
	case !p.IsError:
		return ""
	case p.HTTPStatus == 429 || strings.Contains(text, "rate limit"):
		return "rate_limit"
	case strings.Contains(text, "timeout"):
		return "timeout"
	case strings.Contains(text, "json"):
		return "parsing_error"
	}
	return "api_error"
}

// flush writes the sums, one statement for each key, and then tells Kafka.
func (w *naive) flush(ctx context.Context) error {
	const upsert = `
insert into rollups values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
on conflict (minute, environment, service, provider, model, prompt, version, input_bucket, status, category) do update set
  calls = rollups.calls + excluded.calls, failures = rollups.failures + excluded.failures,
  exceptions = rollups.exceptions + excluded.exceptions, input = rollups.input + excluded.input,
  output = rollups.output + excluded.output, cost = rollups.cost + excluded.cost, latency = rollups.latency + excluded.latency`
	for k, s := range w.sums {
		_, err := w.conn.Exec(ctx, upsert, k.minute, k.environment, k.service, k.provider, k.model, k.prompt, k.version,
			k.inputBucket, k.status, k.categories, s.calls, s.failures, s.exceptions, s.input, s.output, s.cost, s.latency)
		if err != nil {
			return fmt.Errorf("write a rollup: %w", err)
		}
	}
	clear(w.sums)
	messages := make([]kafka.Message, 0, len(w.newest))
	for _, m := range w.newest {
		messages = append(messages, m)
	}
	clear(w.newest)
	if err := w.reader.CommitMessages(ctx, messages...); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("commit offsets: %w", err)
	}
	return nil
}
