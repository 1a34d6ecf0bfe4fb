package schemas

import (
	"bytes"
	"runtime"
	"testing"
	"weak"
)

// TestReleasedDecoderKeepsNothingOfTheRecord: a record's bytes are a piece of a batch that may be tens of megabytes.
func TestReleasedDecoderKeepsNothingOfTheRecord(t *testing.T) {
	d := NewDecoder(DecoderConfig{})
	pointer := decodeAndForget(d)
	d.Release()
	runtime.GC()
	if pointer.Value() != nil {
		t.Error("the record is still held")
	}
	runtime.KeepAlive(d)
}

//go:noinline
func decodeAndForget(d *Decoder) weak.Pointer[[1 << 20]byte] {
	var value [1 << 20]byte
	text := append(value[:0], `{"event":"$exception","uuid":"0197a0b0-0000-7000-8000-000000000001","distinct_id":"u","properties":{"$ai_trace_id":"t","`+
		`$exception_list":[{"type":"Error","value":"text","stacktrace":{"frames":[{"function":"f"}]}}],"$ai_model":"m","web_search_count":1}}`...)
	d.Decode(&Record{Topic: "t", Value: text, Headers: []Header{{Key: "uuid", Value: bytes.Clone(text[:4])}}})
	return weak.Make(&value)
}
