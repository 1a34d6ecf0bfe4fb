package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/tracetally/tracetally/internal/pipeline"
	"github.com/tracetally/tracetally/schemas"
)

// explainCmd runs the pure part of the line on a file or standard input. What it prints is a contract: design, docs/explain.md.
type explainCmd struct {
	lineFlags

	Input string `help:"What a line of the input is: the value of one record, or a JSON object {topic, key, headers, value_b64, partition, offset, timestamp}." enum:"values,records" default:"values"`
	Why   bool   `help:"Add cost_detail and evidence: the sum behind each cost and the rule behind each category."`
	File  string `arg:"" optional:"" help:"File to read; - or nothing is standard input." default:"-"`
}

// Run explains the input line by line. It fails only if the input cannot be read.
func (c *explainCmd) Run(std *streams, file *configFile) error {
	cfg, rules, err := c.config(file)
	if err != nil {
		return err
	}
	line, err := pipeline.NewLine(cfg, rules)
	if err != nil {
		return err
	}
	in, closeInput, err := openInput(c.File, std.in)
	if err != nil {
		return err
	}
	defer closeInput()
	out := bufio.NewWriterSize(std.out, 1<<16)
	x := &explainer{line: line, out: json.NewEncoder(out), why: c.Why}
	x.out.SetEscapeHTML(false)
	return errors.Join(x.lines(in, c.Input == "records"), out.Flush()) // what was read before an unreadable line is shown
}

// openInput opens the named file, or standard input for "-".
func openInput(name string, stdin io.Reader) (io.Reader, func(), error) {
	if name == "" || name == "-" {
		return stdin, func() {}, nil
	}
	f, err := os.Open(name) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, nil, fmt.Errorf("open input: %w", err)
	}
	return f, func() { _ = f.Close() }, nil
}

type explainer struct {
	line *pipeline.Line
	out  *json.Encoder
	why  bool
}

func (x *explainer) lines(in io.Reader, records bool) error {
	return eachLine(in, func(text []byte, n int64) error { return x.one(text, n, records) })
}

// maxLineBytes bounds a line of the input; a record of 64 MiB is one of 86 MiB in base64.
const maxLineBytes = 256 << 20

// eachLine calls do for every line, without its end and numbered from 0. The text is valid until the next.
func eachLine(in io.Reader, do func(text []byte, n int64) error) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<20), maxLineBytes)
	for n := int64(0); lines.Scan(); n++ {
		text := lines.Bytes()
		if text == nil { // an empty line is an empty value, not a tombstone
			text = []byte{}
		}
		if err := do(text, n); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read input: %w", err)
	}
	return nil
}

func (x *explainer) one(text []byte, n int64, records bool) error {
	rec := schemas.Record{Offset: n, Value: text}
	if records {
		var err error
		if rec, err = parseRecordLine(text, n); err != nil {
			return fmt.Errorf("read line %d: %w", n, err)
		}
	}
	for _, row := range explainRecord(n, x.line.Walk(&rec), x.line, x.why) {
		if err := x.out.Encode(row); err != nil {
			return fmt.Errorf("write output: %w", err)
		}
	}
	return nil
}

// recordLine is a Kafka record as a line of a file, for explain and produce. Text of headers is taken as it is;
// a header or key that is null is absent or nil.
type recordLine struct {
	Topic     string             `json:"topic"`
	Key       *string            `json:"key"`
	Headers   map[string]*string `json:"headers"`
	ValueB64  *string            `json:"value_b64"`
	Partition int32              `json:"partition"`
	Offset    *int64             `json:"offset"`
	Timestamp json.RawMessage    `json:"timestamp"`
}

// parseRecordLine reads one line; what is absent is partition 0, offset n, no timestamp, and a null value (tombstone).
func parseRecordLine(text []byte, n int64) (schemas.Record, error) {
	var l recordLine
	if err := json.Unmarshal(text, &l); err != nil {
		return schemas.Record{}, fmt.Errorf("not a record line {topic, key, headers, value_b64}: %w", err)
	}
	rec := schemas.Record{Topic: l.Topic, Partition: l.Partition, Offset: n}
	if l.Offset != nil {
		rec.Offset = *l.Offset
	}
	if l.Key != nil {
		rec.Key = []byte(*l.Key)
	}
	for k, v := range l.Headers {
		h := schemas.Header{Key: k}
		if v != nil {
			h.Value = []byte(*v)
		}
		rec.Headers = append(rec.Headers, h)
	}
	if l.ValueB64 != nil {
		value, err := base64.StdEncoding.DecodeString(*l.ValueB64)
		if err != nil {
			return rec, fmt.Errorf("decode value_b64: %w", err)
		}
		rec.Value = value
		if value == nil {
			rec.Value = []byte{}
		}
	}
	var err error
	rec.Timestamp, err = parseRecordTime(l.Timestamp)
	return rec, err
}

// parseRecordTime reads RFC 3339 text or milliseconds since 1970 (Kafka's own unit); absent and null are no time.
func parseRecordTime(raw json.RawMessage) (time.Time, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return time.Time{}, nil
	}
	var ms int64
	if json.Unmarshal(raw, &ms) == nil {
		return time.UnixMilli(ms).UTC(), nil
	}
	var t time.Time
	if err := json.Unmarshal(raw, &t); err != nil {
		return t, fmt.Errorf("timestamp must be RFC 3339 or milliseconds since 1970: %w", err)
	}
	return t.UTC(), nil
}
