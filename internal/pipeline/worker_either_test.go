package pipeline

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/kafkatest"
	"github.com/tracetally/tracetally/internal/netfault"
	"github.com/tracetally/tracetally/internal/traffic"
)

func TestPartitionsAddedInMidRunAreReadFromTheirStart(t *testing.T) {
	t.Parallel()
	const topic = "grown"
	r := newRig(t, map[string]int32{topic: 4})
	cfg := r.config(topic)
	cfg.From = Start{Latest: true} // for what is there; what comes later starts at earliest
	cfg.Kafka.PartitionWatch = cfg.Kafka.MaxWait
	w := r.start(cfg)
	r.until("4", `select count(*) from tracetally.partition_progress where status = 'running'`)
	r.produce(agedCalls(topic, 4, 0, 40, time.Now())...)
	if err := r.kafka.AddPartitions(t.Context(), topic, 8); err != nil {
		t.Fatal(err)
	}
	r.produce(agedCalls(topic, 8, 100, 80, time.Now())...) // before anybody has noticed the new ones
	r.accounted(topic, 120)
	r.produce(agedCalls(topic, 8, 200, 80, time.Now())...)
	r.accounted(topic, 200)
	w.close()
	r.until("8 0", `select count(*) || ' ' || sum(start_offset) from tracetally.partition_progress`)
	r.until("200", `select sum(calls)::bigint from tracetally.calls_1m`)
}

// A second worker comes while the first one's batches are open: they wait for a table that is locked, and so does whoever
// takes the partitions.
func TestRebalanceInMidBatchLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	const topic = "shared"
	r := newRig(t, map[string]int32{topic: 4})
	one := r.config(topic)
	one.Sink.Worker = "one"
	first := r.start(one)
	r.produce(agedCalls(topic, 4, 0, 40, time.Now())...)
	r.accounted(topic, 40)
	unlock := r.lockLedger()
	r.produce(agedCalls(topic, 4, 100, 400, time.Now())...)
	r.until("true", `select exists (select from pg_locks where not granted and relation = 'tracetally.ledger'::regclass)`)
	two := r.config(topic)
	two.Sink.Worker = "two"
	second := r.start(two)
	for end := time.Now().Add(patience); ; pause(t.Context(), 20*time.Millisecond) {
		members, err := r.kafka.Members(t.Context(), kafkatest.Name(t))
		if err == nil && members == 2 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d members, %v", members, err)
		}
	}
	unlock()
	r.produce(agedCalls(topic, 4, 1000, 400, time.Now())...)
	r.accounted(topic, 840)
	r.until("2", `select count(distinct owner) from tracetally.partition_progress where owner <> ''`)
	first.close()
	second.close()
	r.until("840 0", `select sum(counted) || ' ' || sum(duplicate) from tracetally.partition_progress`)
	r.until("840", `select sum(calls)::bigint from tracetally.calls_1m`)
}

func TestAbortedTransactionsCountNothing(t *testing.T) {
	t.Parallel()
	const topic = "transactions"
	r := newRig(t, map[string]int32{topic: 1})
	send := func(first int, commit bool) {
		t.Helper()
		id := fmt.Sprint(topic, "-", first%2)
		if err := r.kafka.Transaction(t.Context(), id, commit, agedCalls(topic, 1, first, 5, time.Now())...); err != nil {
			t.Fatal(err)
		}
	}
	send(0, true)
	send(101, false)
	send(200, true)
	w := r.start(r.config(topic))
	r.accounted(topic, 18) // three markers
	send(301, false)       // the log ends with the marker of an aborted transaction
	r.accounted(topic, 24)
	w.close()
	r.until("10 14", `select sum(counted) || ' ' || sum(ignored) from tracetally.partition_progress`)
	r.until("10", `select sum(calls)::bigint from tracetally.calls_1m`)
}

// A broker that is stopped and one that is killed, while traffic is read; then every figure is compared.
func TestBrokerThatComesBackCostsNothing(t *testing.T) {
	t.Parallel()
	r := newRigOn(t, kafkatest.Config{Topics: trafficTopics(), Own: true, DataDir: t.TempDir()})
	cfg := r.config(topicNames()...)
	cfg.Kafka.SessionTimeout = 6 * time.Second
	w := r.start(cfg)
	g := traffic.New(traffic.Config{Seed: 9, Start: time.Now().Add(-time.Minute), Poison: 0.02, Duplicates: 0.1, MaxLate: time.Second})
	for _, end := range []func(){r.kafka.Stop, r.kafka.Kill} {
		some := make([]*kgo.Record, 500)
		for i := range some {
			some[i] = kafkaRecord(g.Next())
		}
		r.produce(some[:400]...)
		r.until("true", `select sum(next_offset - start_offset) > 0 from tracetally.partition_progress`)
		end()
		if err := r.kafka.Restart(); err != nil {
			t.Fatal(err)
		}
		r.produce(some[400:]...)
	}
	var rest []*kgo.Record
	for _, rec := range g.Finish(time.Now()) {
		rest = append(rest, kafkaRecord(rec))
	}
	r.produce(rest...)
	r.agree(g.Books())
	w.close()
}

// behind puts a proxy before PostgreSQL.
func (r *rig) behind(database string) (*netfault.Proxy, string) {
	r.t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		r.t.Fatal("the URL of the database cannot be read")
	}
	proxy, err := netfault.Start(net.JoinHostPort(u.Hostname(), u.Port()))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(proxy.Close)
	u.Host = proxy.Addr()
	return proxy, u.String()
}

// Kafka is quick and PostgreSQL is 200 ms away, there and back: the backlog stays in Kafka and not in memory, the lag is told as
// it is, and in the end every figure is right.
func TestSlowPostgreSQLCostsTimeAndNothingElse(t *testing.T) {
	t.Parallel()
	r := newRigOn(t, kafkatest.Config{Topics: trafficTopics(), Own: true})
	g := traffic.New(traffic.Config{Seed: 5, Start: time.Now().Add(-time.Minute), Rate: 1000})
	records := make([]*kgo.Record, 12_000)
	for i := range records {
		records[i] = kafkaRecord(g.Next())
	}
	r.produce(records...)
	proxy, database := r.behind(r.url)
	proxy.Delay(100 * time.Millisecond)
	p := r.spawnOn(program(t), database)
	defer func() {
		if t.Failed() {
			t.Logf("worker:\n%s", p.log.String())
		}
	}()
	w := &running{t: t, metrics: p.metricsAddr(t)}
	const behind = `select $1::bigint - coalesce(sum(next_offset - start_offset), 0)::bigint from tracetally.partition_progress`
	partitions := 0
	for _, n := range trafficTopics() {
		partitions += int(n)
	}
	looks, most, end := 0, int64(0), time.Now().Add(patience)
	for left := int64(1); left > 0; pause(t.Context(), 50*time.Millisecond) {
		text := w.scrape() // first the metric, which learns of a commit with its acknowledgement, then the table
		left = r.number(behind, len(records))
		most = max(most, total(t, text, "process_resident_memory_bytes"))
		if told := total(t, text, "tracetally_partition_lag_records"); seriesOf(text, "tracetally_partition_lag_records") == partitions {
			looks++
			if told < left {
				t.Errorf("the metric tells of %d records behind, there are %d", told, left)
			}
		}
		if t.Failed() || time.Now().After(end) {
			t.Fatalf("still %d behind after %d looks", left, looks)
		}
	}
	w.shows("tracetally_partition_lag_records", func(n int64) bool { return n == 0 })
	if looks < 3 {
		t.Errorf("the lag was seen %d times: PostgreSQL was not slow", looks)
	}
	if most == 0 || most > 256<<20 {
		t.Errorf("the worker took %d MiB, twice its limit is 256", most>>20)
	}
	r.agree(g.Books())
}

// number is the answer of a query with one number.
func (r *rig) number(query string, args ...any) (n int64) {
	r.t.Helper()
	if err := r.db.QueryRow(r.t.Context(), query, args...).Scan(&n); err != nil {
		r.t.Fatal(err)
	}
	return n
}

// seriesOf counts the series of a metric.
func seriesOf(text, metric string) int { return strings.Count(text, "\n"+metric+"{") }

// metricsAddr is where a process serves its metrics.
func (p *process) metricsAddr(t *testing.T) string {
	t.Helper()
	served := regexp.MustCompile(`msg="metrics served".* addr=(\S+)`)
	for end := time.Now().Add(patience); time.Now().Before(end); pause(t.Context(), 20*time.Millisecond) {
		if m := served.FindStringSubmatch(p.log.String()); m != nil {
			return m[1]
		}
	}
	t.Fatal("worker serves no metrics")
	return ""
}
