package consumer_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
)

func TestEveryCodecGivesWhatWasProduced(t *testing.T) {
	t.Parallel()
	cluster := either(t, 1, kafkatest.Config{})
	at := time.UnixMilli(1_790_000_000_123).UTC()
	var want []*kgo.Record
	for _, codec := range kafkatest.Codecs() {
		batch := []*kgo.Record{
			{Topic: cluster.topic, Key: []byte("k"), Value: []byte(strings.Repeat(codec.String(), 5000)), Timestamp: at},
			{Topic: cluster.topic, Value: nil, Timestamp: at.Add(time.Millisecond)},
			{Topic: cluster.topic, Key: []byte{}, Value: []byte{}, Timestamp: at.Add(-time.Hour), Headers: []kgo.RecordHeader{
				{Key: "content-encoding", Value: []byte("gzip")}, {Key: "", Value: nil}, {Key: "content-encoding", Value: []byte{}},
			}},
		}
		must(t, cluster.Produce(patient(t), codec, batch...))
		want = append(want, batch...)
	}
	got := readTo(t, cluster.client(t, nil).Reader(cluster.topic, 0, 0), int64(len(want)))
	if len(got.records) != len(want) || len(got.bad) != 0 {
		t.Fatalf("got %d records and bad ranges %v, want %d and none", len(got.records), got.bad, len(want))
	}
	for i, w := range want {
		g := got.records[i]
		if g.Topic != cluster.topic || g.Partition != 0 || g.Offset != int64(i) || !g.Timestamp.Equal(w.Timestamp) || g.Timestamp.Location() != time.UTC {
			t.Errorf("record %d is at %s/%d/%d, %v", i, g.Topic, g.Partition, g.Offset, g.Timestamp)
		}
		if !sameBytes(g.Key, w.Key) || !sameBytes(g.Value, w.Value) || len(g.Headers) != len(w.Headers) {
			t.Errorf("record %d differs: key %q, value of %d bytes (nil %v), headers %v", i, g.Key, len(g.Value), g.Value == nil, g.Headers)
			continue
		}
		for j, h := range w.Headers {
			if g.Headers[j].Key != h.Key || !sameBytes(g.Headers[j].Value, h.Value) {
				t.Errorf("record %d, header %d = %v, want %v", i, j, g.Headers[j], h)
			}
		}
	}
}

// sameBytes tells null from empty.
func sameBytes(a, b []byte) bool { return bytes.Equal(a, b) && (a == nil) == (b == nil) }

func TestAbortedRecordsAndMarkersAreSteppedOver(t *testing.T) {
	t.Parallel()
	cluster := either(t, 1, kafkatest.Config{})
	ctx := patient(t)
	must(t, cluster.Produce(ctx, kafkatest.None, cluster.numbered("plain", 2)...))
	must(t, cluster.Transaction(ctx, cluster.topic, false, cluster.numbered("aborted", 3)...))
	must(t, cluster.Transaction(ctx, cluster.topic, true, cluster.numbered("committed", 2)...))
	must(t, cluster.Produce(ctx, kafkatest.Zstd, cluster.numbered("plain2", 1)...))
	must(t, cluster.Transaction(ctx, cluster.topic+"-b", false, cluster.numbered("aborted2", 2)...)) // its marker is the end of the log

	client := cluster.client(t, nil)
	bounds, err := client.Bounds(ctx, cluster.topic, 0)
	must(t, err)
	if want := (consumer.Bounds{LastStable: 13, HighWatermark: 13}); bounds != want {
		t.Fatalf("bounds = %+v, want %+v", bounds, want)
	}
	want := []string{"plain-0", "plain-1", "committed-0", "committed-1", "plain2-0"}
	for from := range bounds.HighWatermark { // each start, in the middle of batches and of transactions too
		got := readTo(t, client.Reader(cluster.topic, 0, from), bounds.HighWatermark)
		offsets := []int64{0, 1, 6, 7, 9}
		i := slices.IndexFunc(offsets, func(o int64) bool { return o >= from })
		rest := []string{}
		if i >= 0 {
			rest = want[i:]
		}
		if !slices.Equal(got.values(), rest) || len(got.bad) > 0 {
			t.Errorf("from %d: %v and bad ranges %v, want %v", from, got.values(), got.bad, rest)
		}
	}
}

func TestReaderAtTheEndWaitsAndThenReadsOn(t *testing.T) {
	t.Parallel()
	cluster := either(t, 1, kafkatest.Config{})
	ctx := patient(t)
	must(t, cluster.Transaction(ctx, cluster.topic, false, cluster.numbered("aborted", 1)...))
	r := cluster.client(t, nil).Reader(cluster.topic, 0, 0)
	readTo(t, r, 2)
	for range 3 {
		c, err := r.Next(ctx)
		if err != nil || c.From != 2 || c.To != 2 || len(c.Records) != 0 || c.HighWatermark != 2 {
			t.Fatalf("at the end: %+v, %v", c, err)
		}
	}
	must(t, cluster.Produce(ctx, kafkatest.LZ4, cluster.numbered("new", 1)...))
	if got := readTo(t, r, 3); !slices.Equal(got.values(), []string{"new-0"}) {
		t.Errorf("after the end: %v", got.values())
	}
}

func TestOpenTransactionHoldsRecordsBack(t *testing.T) {
	t.Parallel()
	cluster := either(t, 1, kafkatest.Config{})
	ctx := patient(t)
	must(t, cluster.Produce(ctx, kafkatest.None, cluster.numbered("before", 1)...))
	open, err := kgo.NewClient(kgo.SeedBrokers(cluster.Addrs()...), kgo.TransactionalID(cluster.topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	must(t, err)
	defer open.Close()
	must(t, open.BeginTransaction())
	must(t, open.ProduceSync(ctx, cluster.numbered("held", 1)...).FirstErr())
	must(t, cluster.Produce(ctx, kafkatest.None, cluster.numbered("behind", 1)...))

	client := cluster.client(t, nil)
	r := client.Reader(cluster.topic, 0, 0)
	got := readTo(t, r, 1)
	c, err := r.Next(ctx)
	if err != nil || c.To != 1 || c.LastStable != 1 || c.HighWatermark != 3 {
		t.Fatalf("before the commit: %+v, %v", c, err)
	}
	latest, err := client.OffsetAt(ctx, cluster.topic, 0, time.Now().Add(time.Hour))
	if err != nil || latest != 1 {
		t.Errorf("the end for new readers = %d, %v, want 1, so that the transaction is not missed", latest, err)
	}
	must(t, open.EndTransaction(ctx, kgo.TryCommit))
	rest := readTo(t, r, 4)
	if all := append(got.values(), rest.values()...); !slices.Equal(all, []string{"before-0", "held-0", "behind-0"}) {
		t.Errorf("read %v", all)
	}
}

func TestTrimmedLogIsAnErrorWithExactNumbersAndNeverAJump(t *testing.T) {
	t.Parallel()
	cluster := either(t, 1, kafkatest.Config{})
	ctx := patient(t)
	for i := range 10 {
		must(t, cluster.Produce(ctx, kafkatest.None, cluster.numbered(fmt.Sprint(i), 2)...))
	}
	client := cluster.client(t, func(c *consumer.Config) { c.FetchBytes = 1 << 10 })
	r := client.Reader(cluster.topic, 0, 3)
	must(t, cluster.DeleteRecords(ctx, cluster.topic, 0, 7))
	for range 2 { // it stays that way
		c, err := r.Next(ctx)
		var out *consumer.OutOfRange
		if !errors.As(err, &out) {
			t.Fatalf("Next = %+v, %v, want OutOfRange", c, err)
		}
		want := consumer.OutOfRange{Topic: cluster.topic, Wanted: 3, Log: consumer.Bounds{LogStart: 7, LastStable: 20, HighWatermark: 20}}
		if *out != want || c.From != 3 || c.To != 3 {
			t.Errorf("got %+v and %+v, want %+v", *out, c, want)
		}
	}
	if got := readTo(t, client.Reader(cluster.topic, 0, 7), 20); len(got.records) != 13 || got.records[0].Offset != 7 {
		t.Errorf("from the log's start: %d records, first %d", len(got.records), got.records[0].Offset)
	}
	_, err := client.Reader(cluster.topic, 0, 21).Next(ctx)
	var out *consumer.OutOfRange
	if !errors.As(err, &out) || out.Wanted != 21 || out.Log.HighWatermark != 20 {
		t.Errorf("behind the end: %v", err)
	}
}

func TestOffsetAtFindsTheFirstRecordOfThatTime(t *testing.T) {
	t.Parallel()
	cluster := either(t, 1, kafkatest.Config{})
	ctx := patient(t)
	start := time.UnixMilli(1_790_000_000_000)
	for i := range 5 {
		must(t, cluster.Produce(ctx, kafkatest.None, &kgo.Record{Topic: cluster.topic, Value: []byte("v"), Timestamp: start.Add(time.Duration(i) * time.Minute)}))
	}
	client := cluster.client(t, nil)
	for at, want := range map[time.Duration]int64{-time.Hour: 0, 0: 0, time.Second: 1, 4 * time.Minute: 4, time.Hour: 5} {
		if got, err := client.OffsetAt(ctx, cluster.topic, 0, start.Add(at)); err != nil || got != want {
			t.Errorf("OffsetAt(start%+v) = %d, %v, want %d", at, got, err, want)
		}
	}
	if id, err := client.ClusterID(ctx); err != nil || id != cluster.ID() {
		t.Errorf("ClusterID = %q, %v", id, err)
	}
}

func TestBatchLargerThanTheFetchComesWhole(t *testing.T) {
	t.Parallel()
	cluster := either(t, 1, kafkatest.Config{})
	ctx := patient(t)
	must(t, cluster.Produce(ctx, kafkatest.None, cluster.numbered("small", 1)...))
	must(t, cluster.Produce(ctx, kafkatest.None, &kgo.Record{Topic: cluster.topic, Value: bytes.Repeat([]byte("x"), 900_000)}))
	must(t, cluster.Produce(ctx, kafkatest.None, cluster.numbered("small", 1)...))
	got := readTo(t, cluster.client(t, func(c *consumer.Config) { c.FetchBytes = 1 << 10 }).Reader(cluster.topic, 0, 0), 3)
	if len(got.records) != 3 || len(got.records[1].Value) != 900_000 || len(got.bad) != 0 {
		t.Errorf("got %d records, bad %v", len(got.records), got.bad)
	}
}

// TestInterleavedTransactionsAreToldApart: two producers take turns in one partition, one commits and one aborts.
func TestInterleavedTransactionsAreToldApart(t *testing.T) {
	t.Parallel()
	cluster := either(t, 1, kafkatest.Config{})
	ctx := patient(t)
	producer := func(id string) *kgo.Client {
		c, err := kgo.NewClient(kgo.SeedBrokers(cluster.Addrs()...), kgo.TransactionalID(cluster.topic+id), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		must(t, err)
		t.Cleanup(c.Close)
		return c
	}
	commits, aborts := producer("-commits"), producer("-aborts")
	var want []string
	for round := range 3 {
		must(t, commits.BeginTransaction())
		must(t, aborts.BeginTransaction())
		for i := range 3 {
			good, bad := fmt.Sprintf("good-%d-%d", round, i), fmt.Sprintf("bad-%d-%d", round, i)
			must(t, aborts.ProduceSync(ctx, cluster.numbered(bad, 2)...).FirstErr())
			must(t, commits.ProduceSync(ctx, cluster.numbered(good, 2)...).FirstErr())
			want = append(want, good+"-0", good+"-1")
		}
		first, second := commits, aborts // which marker comes first must not matter
		if round == 1 {
			first, second = aborts, commits
		}
		for _, c := range []*kgo.Client{first, second} {
			must(t, c.EndTransaction(ctx, kgo.TransactionEndTry(c == commits)))
		}
	}
	end, err := cluster.End(ctx, cluster.topic, 0)
	must(t, err)
	for _, bytes := range []int32{1 << 10, 1 << 20} { // batch by batch, and all in one answer
		r := cluster.client(t, func(c *consumer.Config) { c.FetchBytes = bytes }).Reader(cluster.topic, 0, 0)
		if got := readTo(t, r, end); !slices.Equal(got.values(), want) || len(got.bad) > 0 {
			t.Errorf("read %v and bad ranges %v, want %v", got.values(), got.bad, want)
		}
	}
}

// TestCompactedTopicIsReadOverItsHoles: what compaction took away is stepped over, from every offset, and nothing else is.
func TestCompactedTopicIsReadOverItsHoles(t *testing.T) {
	t.Parallel()
	cluster := either(t, 0, kafkatest.Config{})
	ctx := patient(t)
	must(t, cluster.CreateTopic(ctx, cluster.topic, 1, map[string]string{
		"cleanup.policy": "compact", "segment.ms": "1", "min.cleanable.dirty.ratio": "0.001", "min.compaction.lag.ms": "0",
	}))
	start := time.Now().Add(-time.Hour) // young, or the fake's retention deletes what its compaction left
	put := func(key string, i int) {
		must(t, cluster.Produce(ctx, kafkatest.LZ4, &kgo.Record{
			Topic: cluster.topic, Key: []byte(key), Value: fmt.Append(nil, key, i), Timestamp: start.Add(time.Duration(i) * time.Second),
		}))
	}
	put("first", 0) // stays, and with it the start of the log, which the fake would move
	for i := range 20 {
		for k := range 3 { // of three keys the last values stay
			put(fmt.Sprint("k", k, "-"), i)
		}
	}
	put("end", 100)
	const end = 62
	client := cluster.client(t, nil)
	var got read
	soon(ctx, t, "compacted", func() bool {
		cluster.Compact()
		got = readTo(t, client.Reader(cluster.topic, 0, 0), end)
		return len(got.records) <= 5
	})
	want := []string{"first0", "k0-19", "k1-19", "k2-19", "end100"}
	if !slices.Equal(got.values(), want) || len(got.bad) > 0 {
		t.Fatalf("read %v and bad ranges %v, want %v", got.values(), got.bad, want)
	}
	for from := range int64(end) {
		rest := len(want)
		for rest > 0 && got.records[len(want)-rest].Offset < from {
			rest--
		}
		if part := readTo(t, client.Reader(cluster.topic, 0, from), end); len(part.records) != rest || part.from != from {
			t.Errorf("from %d read %v, want the last %d", from, part.values(), rest)
		}
	}
}
