package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/kafkatest"
)

// consumed reads n records of a topic.
func consumed(t *testing.T, c *kafkatest.Cluster, topic string, n int) []*kgo.Record {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(c.Addrs()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var all []*kgo.Record
	for len(all) < n {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		all = append(all, fetches.Records()...)
	}
	return all
}

func TestProducedFileArrivesByteForByte(t *testing.T) {
	c := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"a": 1, "b": 1}})
	in := `{"topic":"a","key":"k","headers":{"event":"$ai_generation","empty":null},"value_b64":"eyJ4IjoxfQ==","timestamp":1780747200000}
{"topic":"a","key":null,"headers":{},"value_b64":null}
{"topic":"b","key":null,"headers":{},"value_b64":""}
`
	code, out, errOut := command(t, in, "produce", "--brokers", strings.Join(c.Addrs(), ","))
	if code != 0 || out != "a: 2 records\nb: 1 records\n" {
		t.Fatalf("exit code %d, %q, %q", code, out, errOut)
	}
	a, b := consumed(t, c, "a", 2), consumed(t, c, "b", 1)
	if string(a[0].Key) != "k" || string(a[0].Value) != `{"x":1}` || a[0].Timestamp.UnixMilli() != 1780747200000 || len(a[0].Headers) != 2 {
		t.Errorf("first record %+v", a[0])
	}
	if a[1].Value != nil || a[1].Key != nil || b[0].Value == nil || len(b[0].Value) != 0 {
		t.Errorf("tombstone %+v, empty value %+v", a[1], b[0])
	}
}

func TestProducedSampleIsTrafficThatExplainKnows(t *testing.T) {
	c := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"sample": 1}})
	code, out, errOut := command(t, "", "produce", "--brokers", strings.Join(c.Addrs(), ","), "--topic", "sample", "--sample", "300", "--rate", "5000")
	if code != 0 || out != "sample: 300 records\n" {
		t.Fatalf("exit code %d, %q, %q", code, out, errOut)
	}
	var lines strings.Builder
	for _, rec := range consumed(t, c, "sample", 300) {
		if !bytes.ContainsRune(rec.Value, '\n') {
			lines.Write(append(rec.Value, '\n'))
		}
	}
	kinds := map[any]int{}
	for _, row := range explained(t, lines.String()) {
		kinds[row["kind"]]++
	}
	if kinds["call"] < 50 || kinds["exception"] == 0 || kinds["span"] == 0 {
		t.Errorf("kinds of event: %v", kinds)
	}
}

func TestProduceSaysWhatIsMissing(t *testing.T) {
	for _, args := range [][]string{{"produce"}, {"produce", "--brokers", "127.0.0.1:1", "--input", "values"}} {
		if code, _, errOut := command(t, articleCall, args...); code == 0 || !strings.Contains(errOut, "required") {
			t.Errorf("%v: exit code %d, %q", args, code, errOut)
		}
	}
}
