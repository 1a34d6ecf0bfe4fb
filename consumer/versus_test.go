package consumer_test

// What happens to a worker that reads with kafka-go v0.4.51 itself, beside what happens here, on the same broker and bytes.
// Each test fails when either side changes: if a later kafka-go passes, the reason for code of ours is gone.
//
//	what is in the log              kafka-go                                          here
//	records of an aborted           Reader delivers them, ReadCommitted or not,       stepped over
//	transaction, markers            and the markers as records
//	a marker at the end             Reader delivers it; Client.Fetch gives no         offset moves on
//	                                records and no way on
//	records deleted before read     Reader goes on behind them, without an error      OutOfRange, with numbers
//	an offset behind the end        Reader waits for ever, if not told to fail        OutOfRange
//	a batch whose CRC is wrong      Reader delivers it                                bad range, neighbours kept
//	a batch of fewer records than   Reader makes up the others, goes on at an         bad range, neighbours kept
//	it claims                       offset from nowhere and loses what follows;
//	                                Client.Fetch gives those there are, no error
//	offsets beyond the batch, the   Reader delivers them as they are                  bad range, neighbours kept
//	same twice, before the batch
//	a batch that claims 2^50        the process dies, with nobody able to recover     bad range, neighbours kept
//	headers                         (versus_process_test.go)
//	256 MiB of zeros in 20 KiB,     all of it in memory, several times                bad range, memory as limited
//	fetched with 1 MiB at most      (versus_process_test.go)
//
// They run on the fake: a broker refuses to store most of these, and shows the others no differently.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
)

// theirReader is kafka-go's, from an offset on, as careful as it can be told to be if strict.
func theirReader(t *testing.T, cluster *kafkatest.Cluster, offset int64, strict bool) *kafka.Reader {
	t.Helper()
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: cluster.Addrs(), Topic: "t", MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 50 * time.Millisecond,
		IsolationLevel: kafka.ReadCommitted, OffsetOutOfRangeError: strict,
	})
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	must(t, r.SetOffset(offset))
	return r
}

// theirs reads n records with it.
func theirs(t *testing.T, r *kafka.Reader, n int) (values []string, offsets []int64) {
	t.Helper()
	ctx := patient(t)
	for range n {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			t.Fatalf("kafka-go after %v: %v", values, err)
		}
		values, offsets = append(values, string(m.Value)), append(offsets, m.Offset)
	}
	return values, offsets
}

// theirFetch is one fetch of kafka-go's client.
func theirFetch(t *testing.T, cluster *kafkatest.Cluster, offset int64) (records []string, err error) {
	t.Helper()
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := kafka.Client{Addr: kafka.TCP(cluster.Addrs()...), Transport: transport}
	res, err := client.Fetch(patient(t), &kafka.FetchRequest{
		Topic: "t", Offset: offset, MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 50 * time.Millisecond, IsolationLevel: kafka.ReadCommitted,
	})
	if err != nil || res.Error != nil {
		return nil, errors.Join(err, res.Error)
	}
	for {
		rec, err := res.Records.ReadRecord()
		if err != nil {
			return records, nil // the end, or what it takes for one
		}
		value, err := kafka.ReadAll(rec.Value)
		if err != nil {
			return records, err
		}
		records = append(records, string(value))
	}
}

func ours(t *testing.T, cluster *kafkatest.Cluster, from, end int64) read {
	t.Helper()
	return readTo(t, newClient(t, cluster, nil).Reader("t", 0, from), end)
}

func TestVersusAbortedTransactions(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	ctx := patient(t)
	must(t, cluster.Transaction(ctx, "a", false, numbered("aborted", 2)...)) // and a marker
	must(t, cluster.Produce(ctx, kafkatest.None, numbered("plain", 1)...))
	values, _ := theirs(t, theirReader(t, cluster, 0, true), 4)
	if len(values) != 4 || values[0] != "aborted-0" || values[1] != "aborted-1" || values[3] != "plain-0" {
		t.Errorf("kafka-go no longer delivers what was aborted, and the marker: %q", values)
	}
	if got := ours(t, cluster, 0, 4); !slices.Equal(got.values(), []string{"plain-0"}) {
		t.Errorf("we read %q", got.values())
	}
}

func TestVersusTrailingMarker(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	must(t, cluster.Transaction(patient(t), "a", true, numbered("committed", 2)...)) // the log ends with its marker
	if values, offsets := theirs(t, theirReader(t, cluster, 0, true), 3); offsets[2] != 2 {
		t.Errorf("kafka-go's Reader gives %q at %v: it may have learnt that a marker is no record", values, offsets)
	}
	for range 3 { // the next offset wanted is 2, and stays it
		records, err := theirFetch(t, cluster, 2)
		if err != nil || len(records) > 0 {
			t.Errorf("kafka-go gives %q, %v at the marker: it may have learnt to step over it", records, err)
		}
	}
	if got := ours(t, cluster, 2, 3); len(got.records) != 0 || got.to != 3 {
		t.Errorf("we read %q and stand at %d, want nothing and 3", got.values(), got.to)
	}
}

func TestVersusTrimmedLog(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	ctx := patient(t)
	for i := range 10 {
		must(t, cluster.Produce(ctx, kafkatest.None, numbered(fmt.Sprint(i), 1)...))
	}
	must(t, cluster.DeleteRecords(ctx, "t", 0, 7))
	if _, offsets := theirs(t, theirReader(t, cluster, 3, true), 1); offsets[0] != 7 {
		t.Errorf("kafka-go asked for 3 goes on at %d", offsets[0])
	}
	var out *consumer.OutOfRange
	if _, err := newClient(t, cluster, nil).Reader("t", 0, 3).Next(ctx); !errors.As(err, &out) || out.Wanted != 3 || out.Log.LogStart != 7 {
		t.Errorf("we say %v", err)
	}
}

func TestVersusPastTheEnd(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	ctx := patient(t)
	must(t, cluster.Produce(ctx, kafkatest.None, numbered("v", 3)...))
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if m, err := theirReader(t, cluster, 100, false).ReadMessage(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("kafka-go asked for 100 of 3 says %v (offset %d): it may have learnt to tell", err, m.Offset)
	}
	var out *consumer.OutOfRange
	if _, err := newClient(t, cluster, nil).Reader("t", 0, 100).Next(ctx); !errors.As(err, &out) || out.Log.HighWatermark != 3 {
		t.Errorf("we say %v", err)
	}
}

// damaged serves a log whose middle batch, [3,6), is the one given.
func damaged(t *testing.T, middle []byte) *kafkatest.Cluster {
	t.Helper()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	log := &kafkatest.Log{Topic: "t"}
	log.Add(3, sound(0, 3))
	log.Add(6, middle)
	log.Add(8, sound(6, 2))
	cluster.Serve(log)
	return cluster
}

func neighboursOnly(t *testing.T, got read) {
	t.Helper()
	if !slices.Equal(got.values(), []string{"0", "1", "2", "6", "7"}) || len(got.bad) != 1 || got.bad[0].From != 3 || got.bad[0].To != 6 {
		t.Errorf("we read %q and the bad ranges %+v", got.values(), got.bad)
	}
}

func TestVersusWrongChecksum(t *testing.T) {
	t.Parallel()
	middle := kafkatest.Batch{Base: 3, BadCRC: true}
	for i := range int64(3) {
		middle.Records = append(middle.Records, kafkatest.Record(i, nil, []byte("damaged"), 0))
	}
	cluster := damaged(t, middle.Bytes())
	if values, _ := theirs(t, theirReader(t, cluster, 0, true), 6); !slices.Contains(values, "damaged") {
		t.Errorf("kafka-go reads %q: it may have learnt to check", values)
	}
	neighboursOnly(t, ours(t, cluster, 0, 8))
}

// given is what kafka-go's Reader delivers of a damaged log, "offset=value", until it ends with offset 7 or an error.
func given(t *testing.T, cluster *kafkatest.Cluster) (records []string, offsets []int64, err error) {
	t.Helper()
	r, ctx := theirReader(t, cluster, 0, true), patient(t)
	for len(offsets) < 100 && !slices.Contains(offsets, 7) {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			return records, offsets, err
		}
		records, offsets = append(records, fmt.Sprintf("%d=%s", m.Offset, m.Value)), append(offsets, m.Offset)
	}
	return records, offsets, nil
}

func TestVersusFewerRecordsThanClaimed(t *testing.T) {
	t.Parallel()
	cluster := damaged(t, kafkatest.Batch{Base: 3, Count: 3, Records: [][]byte{kafkatest.Record(0, nil, []byte("3"), 0)}}.Bytes())
	records, offsets, err := given(t, cluster)
	if slices.Max(offsets) < 8 || slices.Contains(offsets, 6) || slices.Contains(offsets, 7) || !errors.Is(err, kafka.OffsetOutOfRange) {
		t.Errorf("kafka-go's Reader gives %q, %v: it may have learnt to count", records, err)
	}
	records, err = theirFetch(t, cluster, 3)
	if err != nil || !slices.Equal(records, []string{"3", "6", "7"}) {
		t.Errorf("kafka-go's Client reads %q, %v: it may have learnt to count", records, err)
	}
	neighboursOnly(t, ours(t, cluster, 0, 8))
}

func TestVersusLyingOffsets(t *testing.T) {
	t.Parallel()
	lies := map[string]struct {
		deltas [3]int64
		theirs []string // in place of 3, 4 and 5
	}{
		"beyond the batch": {[3]int64{0, 1, 40}, []string{"3=a", "4=b", "43=c"}},
		"twice":            {[3]int64{1, 1, 2}, []string{"4=a", "4=b", "5=c"}},
		"before the batch": {[3]int64{-2, 1, 2}, []string{"1=a", "4=b", "5=c"}},
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			middle := kafkatest.Batch{Base: 3, LastDelta: 2}
			for i, delta := range lie.deltas {
				middle.Records = append(middle.Records, kafkatest.Record(delta, nil, []byte{"abc"[i]}, 0))
			}
			cluster := damaged(t, middle.Bytes())
			want := slices.Concat([]string{"0=0", "1=1", "2=2"}, lie.theirs, []string{"6=6", "7=7"})
			if records, _, err := given(t, cluster); err != nil || !slices.Equal(records, want) {
				t.Errorf("kafka-go's Reader gives %q, %v: it may have learnt to look", records, err)
			}
			neighboursOnly(t, ours(t, cluster, 0, 8))
		})
	}
}
