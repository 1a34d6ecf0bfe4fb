package pipeline

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/traffic"
	"github.com/tracetally/tracetally/sink"
)

// invented are n records of the generator, made now.
func invented(n int, seed uint64) []*kgo.Record {
	g := traffic.New(traffic.Config{Seed: seed, Start: time.Now().Add(-time.Minute), Poison: 0.05})
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = kafkaRecord(g.Next())
	}
	return records
}

func kafkaRecord(rec traffic.Record) *kgo.Record {
	out := &kgo.Record{Topic: rec.Topic, Partition: rec.Partition, Key: rec.Key, Value: rec.Value}
	for _, h := range rec.Headers {
		out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return out
}

// trafficTopics are the topics of the generator.
func trafficTopics() map[string]int32 {
	topics := map[string]int32{}
	for _, t := range traffic.Topics() {
		topics[t.Name] = t.Partitions
	}
	return topics
}

// traces is everything that a run leaves behind, by place: a column, a log, an answer of the metrics' server.
func (r *rig) traces(cfg Config, offsets int64) map[string]string {
	r.t.Helper()
	var log bytes.Buffer
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg.Kafka.Logger, cfg.Sink.Logger = cfg.Logger, cfg.Logger
	w := r.start(cfg)
	r.until(fmt.Sprint(offsets), `select sum(next_offset - start_offset)::bigint from tracetally.partition_progress`)
	found := r.columns()
	w.scrape() // new series are shown at 0 until they were gathered once
	for name, accept := range map[string]string{
		"text": "text/plain", "openmetrics": "application/openmetrics-text; version=1.0.0",
		"protobuf": "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
	} {
		found["metrics "+name] = w.ask("/metrics", accept)
	}
	found["ready"] = w.ask("/readyz", "")
	found["group"] = r.group(cfg.Kafka.GroupID)
	w.close()
	found["log"] = log.String()
	return found
}

func (w *running) ask(path, accept string) string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "http://"+w.metrics+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Accept", accept)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// group is what Kafka knows of the worker's group: members and their metadata, offsets and theirs.
func (r *rig) group(name string) string {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.kafka.Addrs()...))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	described, err := admin.DescribeGroups(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	offsets, err := admin.FetchOffsets(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	return fmt.Sprintf("%+v %+v", described, offsets)
}

// columns is every value of every column of every table outside of PostgreSQL's own; bytes as they are.
func (r *rig) columns() map[string]string {
	r.t.Helper()
	const ask = `
select c.oid::regclass::text, quote_ident(a.attname)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where n.nspname !~ '^(pg_|information_schema$)' and c.relkind in ('r', 'p', 'm') and not c.relispartition
order by 1, a.attnum`
	conn, err := r.db.Acquire(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	defer conn.Release()
	rows, err := conn.Query(r.t.Context(), ask)
	if err != nil {
		r.t.Fatal(err)
	}
	type column struct{ Table, Name string }
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := conn.Exec(r.t.Context(), "set bytea_output = 'escape'"); err != nil {
		r.t.Fatal(err)
	}
	found := map[string]string{}
	for _, c := range list {
		var text string
		query := "select coalesce(string_agg(distinct " + c.Name + "::text, chr(10)), '') from " + c.Table
		if err := conn.QueryRow(r.t.Context(), query).Scan(&text); err != nil {
			r.t.Fatal(err)
		}
		found[c.Table+"."+c.Name] = text
	}
	return found
}

// TestCanaryTextReachesNothing plants a word of its own in every text, in every place of a number, as a key of every object
// and around the value, in every kind of event that was captured or invented; reads all of it; and looks at all that is
// left behind.
func TestCanaryTextReachesNothing(t *testing.T) {
	t.Parallel()
	const topic = "canary"
	r := newRig(t, map[string]int32{topic: 1})
	p := newPlanter()
	for _, rec := range slices.Concat(captured(t, topic), exceptions(topic), invented(400, 7)) {
		rec.Topic, rec.Partition = topic, 0
		p.record(rec)
	}
	p.everyProperty(t, topic)
	p.unusable(topic)
	t.Logf("%d words in %d records", len(p.planted), len(p.out))
	r.produce(p.out...)
	const inBadBatch = 5
	if _, err := r.kafka.ProduceRaw(t.Context(), topic, 0, p.badBatch()); err != nil {
		t.Fatal(err)
	}
	cfg := r.config(topic)
	cfg.Kafka.GroupID = "privacy" // the test's name holds the word that is looked for
	const many = 1_000_000        // nothing may hide in __other__
	cfg.Sink.Caps = sink.Caps{Environment: many, Service: many, Provider: many, Model: many, PromptName: many, PromptVersion: many, TaskType: many,
		InputBucket: many, Step: many, Series: many}
	found := r.traces(cfg, int64(len(p.out)+inBadBatch))
	if !strings.Contains(found["quarantined.reason"]+found["tracetally.quarantined.reason"], "bad_batch") {
		t.Error("no batch was set aside")
	}
	allowed := contract()
	for _, l := range p.leaks(found, allowed) {
		t.Errorf("%s holds a text of %+v: %q", l.place, l.from, l.text)
	}
	for field, places := range allowed { // what nothing shows any more has no business in the list
		if !testing.Short() && !p.shown(found, field, places) {
			t.Errorf("the contract permits %s in %v, where it never is", field, places)
		}
	}
	for place, text := range found {
		for _, secret := range []string{traffic.Canary, traffic.Secret} {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("%s holds %s: %q", place, secret, text[max(0, i-200):i])
			}
		}
	}
}

// TestALeakIsFound breaks privacy on purpose, in a table of another schema, in a log and in a metric: a search that finds
// nothing there would prove nothing elsewhere.
func TestALeakIsFound(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	c := canaries{map[string]origin{}}
	word := c.word("$ai_generation", ".properties.$ai_input[].content", "alone")
	b64 := func(pad string) string { return base64.StdEncoding.EncodeToString([]byte(pad + word + " and more")) }
	if _, err := r.db.Exec(t.Context(), `
create schema elsewhere;
create table elsewhere.leak (plain text, raw bytea, doc jsonb, list text[], upper text, hexed text, b64 text, b64x text, b64xx text, back text, other text)`); err != nil {
		t.Fatal(err)
	}
	if _, err := r.db.Exec(t.Context(), `insert into elsewhere.leak values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		"a "+word+" b", []byte("\x00\xff"+word), map[string]string{"k": word}, []string{"x", word}, strings.ToUpper(word), hex.EncodeToString([]byte(word)),
		b64(""), b64("x"), b64("xx"), reversed(word), "an innocent text"); err != nil {
		t.Fatal(err)
	}
	found := r.columns()
	found["log"], found["metrics text"] = "level=ERROR err="+word, `llm_calls_total{model="`+word+`"} 1`
	places := map[string]bool{}
	for _, l := range c.leaks(found, contract()) {
		places[strings.TrimPrefix(l.place, "elsewhere.leak.")] = true
		if l.from.field != "$ai_input[].content" {
			t.Errorf("%s: found %+v", l.place, l.from)
		}
	}
	for _, want := range []string{"plain", "raw", "doc", "list", "upper", "hexed", "b64", "b64x", "b64xx", "back", "log", "metrics text"} {
		if !places[want] {
			t.Errorf("nothing found in %s", want)
		}
	}
	if places["other"] {
		t.Error("found where nothing is")
	}
}
