package schemas

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"
)

// now is the timestamp of the records that tests make.
var now = time.Date(2026, 11, 22, 2, 24, 0, 0, time.UTC)

func recordOf(value []byte) *Record {
	return &Record{Topic: "events", Partition: 3, Offset: 17, Timestamp: now, Value: value}
}

func decodeValue(value string) *Result {
	return NewDecoder(DecoderConfig{}).Decode(recordOf([]byte(value)))
}

// decodeOne reads a record that holds one event.
func decodeOne(t testing.TB, value string) *Decoded {
	t.Helper()
	res := decodeValue(value)
	if res.Reject != "" || len(res.Events) != 1 {
		t.Fatalf("%d events, reject %q: %s", len(res.Events), res.Reject, value)
	}
	return &res.Events[0]
}

// properties reads one event with these properties.
func decodeProps(t testing.TB, name, props string) *Decoded {
	t.Helper()
	return decodeOne(t, posthog(name, props))
}

// posthog is one event with these properties.
func posthog(name, props string) string {
	return fmt.Sprintf(`{"event":%q,"properties":{%s},"timestamp":"2026-11-22T02:23:57.017Z",`+
		`"uuid":"01a20111-3e59-7884-8da0-9ac78c89f968","distinct_id":"user_1"}`, name, props)
}

// capturedRecord is a record that was captured from PostHog's SDKs, or made of such a one by PostHog's own rules.
type capturedRecord struct {
	Format  Format
	Topic   string
	Key     *string
	Headers map[string]string
	Value   []byte `json:"value_b64"`
}

func (c capturedRecord) record(offset int) *Record {
	rec := &Record{Topic: c.Topic, Offset: int64(offset), Value: c.Value}
	for k, v := range c.Headers {
		rec.Headers = append(rec.Headers, Header{Key: k, Value: []byte(v)})
	}
	return rec
}

func capturedRecords(t testing.TB) (records []capturedRecord) {
	t.Helper()
	file, err := os.ReadFile("testdata/records.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(file))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c capturedRecord
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		records = append(records, c)
	}
	if lines.Err() != nil || len(records) == 0 {
		t.Fatalf("%d records, %v", len(records), lines.Err())
	}
	return records
}

func jsonText(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
