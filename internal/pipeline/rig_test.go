package pipeline

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/classify"
	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/internal/kafkatest"
	"github.com/tracetally/tracetally/internal/localpg/pgtest"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/sink"
)

func TestMain(m *testing.M) { os.Exit(kafkatest.Suite{Tests: databases{m}}.Run()) }

// databases runs tests that may ask for one.
type databases struct{ tests *testing.M }

func (d databases) Run() int { return pgtest.Run(d.tests) }

// patience bounds every wait of these tests; nothing is asserted about how long things take.
const patience = 3 * time.Minute

// rig is a Kafka, a PostgreSQL and what runs between them in one test.
type rig struct {
	t     *testing.T
	kafka *kafkatest.Cluster
	// url is the worker's, who is a member of tracetally_writer and nothing else; super and db are the superuser's.
	url, super string
	db         *pgxpool.Pool
	rules      *classify.Classifier
	book       *enrich.Book
}

// newRig has topics that no other test names; the Kafka is the one that the environment asks for.
func newRig(t *testing.T, topics map[string]int32) *rig {
	t.Helper()
	return newRigOn(t, kafkatest.Config{Topics: topics})
}

func newRigOn(t *testing.T, cfg kafkatest.Config) *rig {
	t.Helper()
	cfg.MaxMessageBytes = 16 << 20
	r := &rig{t: t, kafka: kafkatest.Either(t, cfg), super: pgtest.Database(t)}
	ctx := t.Context()
	if err := sink.Migrate(ctx, sink.Config{URL: secret.New(r.super)}); err != nil {
		t.Fatal(err)
	}
	r.url = pgtest.As(t, r.super, sink.RoleWriter)
	var err error
	if r.db, err = pgxpool.New(ctx, r.super); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.db.Close)
	if r.rules, err = classify.New(classify.Config{}); err != nil {
		t.Fatal(err)
	}
	if r.book, err = enrich.LoadBook(enrich.BookConfig{}); err != nil {
		t.Fatal(err)
	}
	return r
}

// config is a worker's, quick enough for a test. The retention is long, so that captured events never grow late.
func (r *rig) config(topics ...string) Config {
	return Config{
		Kafka:          consumer.Config{Brokers: r.kafka.Addrs(), GroupID: kafkatest.Name(r.t), Topics: topics, MaxWait: 50 * time.Millisecond},
		Sink:           sink.Config{URL: secret.New(r.url), Retention: 10 * 365 * 24 * time.Hour},
		Retention:      sink.RetentionConfig{URL: secret.New(pgtest.As(r.t, r.super, sink.RoleRetention))},
		Line:           r.line(),
		BatchAge:       20 * time.Millisecond,
		CommitInterval: 50 * time.Millisecond,
		Suspicion:      time.Millisecond,
		MetricsAddr:    "127.0.0.1:0",
		Logger:         slog.New(slog.DiscardHandler),
	}
}

func (r *rig) line() LineConfig {
	return LineConfig{Enrich: enrich.Config{Book: r.book, HashKey: secret.New("a key that is only for tests"), TraceURL: "https://traces.example/{trace_id}"}}
}

// running is a worker in this process.
type running struct {
	t       *testing.T
	stop    context.CancelFunc
	done    chan error
	metrics string
}

func (r *rig) start(cfg Config) *running {
	r.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	w := &running{t: r.t, stop: stop, done: make(chan error, 1)}
	listening := make(chan string, 1)
	cfg.Listening = func(addr string) { listening <- addr }
	go func() { w.done <- Run(ctx, cfg, r.rules) }()
	select {
	case w.metrics = <-listening:
	case err := <-w.done:
		r.t.Fatalf("worker ended at once: %v", err)
	}
	r.t.Cleanup(func() { stop() })
	return w
}

// close stops the worker and demands a clean end.
func (w *running) close() {
	w.t.Helper()
	w.stop()
	select {
	case err := <-w.done:
		if err != nil {
			w.t.Errorf("worker ended with %v", err)
		}
	case <-time.After(patience):
		w.t.Fatal("worker does not stop")
	}
}

// scrape is the text of /metrics.
func (w *running) scrape() string {
	w.t.Helper()
	res, err := http.Get("http://" + w.metrics + "/metrics")
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		w.t.Fatalf("scrape: %v, status %d", err, res.StatusCode)
	}
	return string(text)
}

// produce appends records where they say.
func (r *rig) produce(records ...*kgo.Record) {
	r.t.Helper()
	if err := r.kafka.Produce(r.t.Context(), kafkatest.LZ4, records...); err != nil {
		r.t.Fatal(err)
	}
}

// until waits for a query to answer with the wanted text.
func (r *rig) until(want, query string, args ...any) {
	r.t.Helper()
	got := ""
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if got = r.text(query, args...); got == want {
			return
		}
		pause(r.t.Context(), 20*time.Millisecond)
	}
	r.t.Fatalf("%s\n got %s\nwant %s", query, got, want)
}

// text is the answer of a query with one value, as text.
func (r *rig) text(query string, args ...any) string {
	r.t.Helper()
	var v any
	if err := r.db.QueryRow(r.t.Context(), query, args...).Scan(&v); err != nil {
		return err.Error()
	}
	return fmt.Sprint(v)
}

// accounted waits until every offset up to the end of each partition has a verdict, and checks the identity.
func (r *rig) accounted(topic string, offsets int64) {
	r.t.Helper()
	r.until(fmt.Sprint(offsets),
		`select coalesce(sum(next_offset - start_offset), 0)::bigint from tracetally.partition_progress where topic = $1`, topic)
	r.until("0", `select count(*) from tracetally.partition_progress
where next_offset - start_offset <> counted + duplicate + late + quarantined + ignored + gap`)
}

// readUpTo runs a worker until every offset of a topic has a verdict, and stops it.
func (r *rig) readUpTo(cfg Config, topic string, offsets int64) {
	r.t.Helper()
	w := r.start(cfg)
	r.accounted(topic, offsets)
	w.close()
}

// contentQuery is a table's rows without what two runs may differ in.
var contentQuery = map[string]string{
	"calls_1m":  `select coalesce(json_agg(to_json(c) order by to_json(c)::text), '[]')::text from tracetally.calls_1m c`,
	"calls_1h":  `select coalesce(json_agg(to_json(c) order by to_json(c)::text), '[]')::text from tracetally.calls_1h c`,
	"calls_1d":  `select coalesce(json_agg(to_json(c) order by to_json(c)::text), '[]')::text from tracetally.calls_1d c`,
	"errors_1m": `select coalesce(json_agg(to_json(c) order by to_json(c)::text), '[]')::text from tracetally.errors_1m c`,
	"errors_1h": `select coalesce(json_agg(to_json(c) order by to_json(c)::text), '[]')::text from tracetally.errors_1h c`,
	"errors_1d": `select coalesce(json_agg(to_json(c) order by to_json(c)::text), '[]')::text from tracetally.errors_1d c`,
	"failures":  `select coalesce(json_agg(to_json(c) order by to_json(c)::text), '[]')::text from tracetally.failures c`,
}

// contents is what the users' views hold, to compare two states.
func (r *rig) contents() map[string]string {
	r.t.Helper()
	all := map[string]string{}
	for view, query := range contentQuery {
		if err := r.db.QueryRow(r.t.Context(), query).Scan(ptr(all, view)); err != nil {
			r.t.Fatal(err)
		}
	}
	return all
}

// ptr scans a value into a map.
func ptr(m map[string]string, key string) any { return &into{m, key} }

type into struct {
	m   map[string]string
	key string
}

// Scan implements sql.Scanner.
func (i *into) Scan(v any) error {
	i.m[i.key] = fmt.Sprint(v)
	return nil
}

func same(t *testing.T, got, want map[string]string) {
	t.Helper()
	for view := range want {
		if got[view] != want[view] {
			t.Errorf("%s differs: %s", view, firstDifference(got[view], want[view]))
		}
	}
}

// firstDifference shows where two texts part.
func firstDifference(got, want string) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	from := max(0, i-200)
	return fmt.Sprintf("at %d\n got %.300s\nwant %.300s", i, got[from:], want[from:])
}

// captured are the PostHog records among those captured from the SDKs, onto one topic.
func captured(t *testing.T, topic string) []*kgo.Record {
	t.Helper()
	text, err := os.ReadFile("../../schemas/testdata/records.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var records []*kgo.Record
	for line := range strings.Lines(string(text)) {
		var l struct {
			Key     *string
			Headers map[string]string
			Value   string `json:"value_b64"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		value, err := base64.StdEncoding.DecodeString(l.Value)
		if err != nil {
			t.Fatal(err)
		}
		rec := &kgo.Record{Topic: topic, Value: value}
		if l.Key != nil {
			rec.Key = []byte(*l.Key)
		}
		for k, v := range l.Headers {
			rec.Headers = append(rec.Headers, kgo.RecordHeader{Key: k, Value: []byte(v)})
		}
		records = append(records, rec)
	}
	return records
}

// lockLedger keeps every commit from getting through until the lock is let go.
func (r *rig) lockLedger() (unlock func()) {
	r.t.Helper()
	tx, err := r.db.Begin(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := tx.Exec(r.t.Context(), `lock table tracetally.ledger in access exclusive mode`); err != nil {
		r.t.Fatal(err)
	}
	return func() {
		r.t.Helper()
		if err := tx.Rollback(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
}
