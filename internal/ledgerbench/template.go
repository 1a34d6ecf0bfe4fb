package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tracetally/tracetally/classify"
	"github.com/tracetally/tracetally/enrich"
	"github.com/tracetally/tracetally/internal/pipeline"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/internal/traffic"
	"github.com/tracetally/tracetally/schemas"
	"github.com/tracetally/tracetally/sink"
)

// templateRecords is how many records walk the line to make templates.
const templateRecords = 4000

// row is a ledger row as the sink sends it (record_recv in src/backend/utils/adt/rowtypes.c), and where in it the fields
// begin that are written anew for each event; -1 where the row has none.
type row struct {
	bytes                                    []byte
	time, id, key, alt, span, hash, position int
}

// templates are rows that the real line left in a ledger: traffic of the demo, decoded, priced, classified, committed. Their
// widths and their nulls are those of the product.
func templates(ctx context.Context, url string, at time.Time) ([]row, error) {
	if err := commitTraffic(ctx, url, at); err != nil {
		return nil, fmt.Errorf("make template rows: %w", err)
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, errors.New("connect to PostgreSQL") // the error would quote the URL
	}
	defer func() { _ = conn.Close(ctx) }()
	var columns string
	const ask = `
select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
where attrelid = 'tracetally.ledger_in'::regclass and attnum > 0 and not attisdropped`
	if err := conn.QueryRow(ctx, ask).Scan(&columns); err != nil {
		return nil, fmt.Errorf("read the columns of a row: %w", err)
	}
	sent := conn.PgConn().ExecParams(ctx, "select row("+columns+")::tracetally.ledger_in from tracetally.ledger", // from the catalogue
		nil, nil, nil, []int16{pgx.BinaryFormatCode})
	var rows []row
	for sent.NextRow() {
		r, err := parseRow(sent.Values()[0])
		if err != nil {
			return nil, err
		}
		if keyed := r.key >= 0; !keyed || r.fieldLength(r.key) == 32 {
			rows = append(rows, r) // other trace ids would give one trace keys of several lengths
		}
	}
	if _, err := sent.Close(); err != nil {
		return nil, fmt.Errorf("read template rows: %w", err)
	}
	if len(rows) < 100 {
		return nil, fmt.Errorf("only %d template rows", len(rows))
	}
	return rows, nil
}

// commitTraffic sends records of the demo's traffic down the line and commits them, as one partition.
func commitTraffic(ctx context.Context, url string, at time.Time) error {
	store, err := sink.Open(ctx, sink.Config{URL: secret.New(url), Now: func() time.Time { return at.Add(time.Hour) }})
	if err != nil {
		return err
	}
	defer store.Close()
	from0 := func(context.Context, bool) (int64, error) { return 0, nil }
	claim, err := store.Acquire(ctx, "templates", 0, "ledgerbench", from0)
	if err != nil {
		return err
	}
	batch := &sink.Batch{Claim: claim, From: 0, To: templateRecords, FirstTime: at, Watermark: at}
	if err := walk(at, batch); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	committer := sink.NewCommitter(store, sink.CommitterConfig{Interval: time.Millisecond})
	ended := make(chan error, 1)
	go func() { ended <- committer.Run(ctx) }()
	_, err = committer.Submit(ctx, batch)
	cancel()
	return errors.Join(err, <-ended)
}

// walk takes traffic through the line, into a batch.
func walk(at time.Time, into *sink.Batch) error {
	book, err := enrich.LoadBook(enrich.BookConfig{})
	if err != nil {
		return err
	}
	rules, err := classify.New(classify.Config{})
	if err != nil {
		return err
	}
	key := secret.New("a key that guards invented users")
	line, err := pipeline.NewLine(pipeline.LineConfig{Enrich: enrich.Config{
		Book: book, HashKey: key, TraceURL: "https://traces.example.test/project/1/traces/{trace_id}",
	}}, rules)
	if err != nil {
		return err
	}
	defer line.Release()
	g := traffic.New(traffic.Config{Seed: 1, Start: at})
	for offset := range int64(templateRecords) {
		made := g.Next()
		res := line.Walk(&schemas.Record{Topic: made.Topic, Partition: made.Partition, Offset: offset, Timestamp: made.Time, Key: made.Key, Value: made.Value})
		for i := range res.Events {
			if !res.Events[i].Ignored && res.Reject == "" {
				into.Add(offset, &res.Events[i].Event)
			}
		}
	}
	return nil
}

// Places in ledger_in; a test holds them against the catalogue.
const (
	fieldTime, fieldID, fieldKey, fieldAlt, fieldSpan, fieldHash, fieldPosition = 0, 1, 4, 5, 6, 41, 43
)

// parseRow finds the fields of a row.
func parseRow(b []byte) (row, error) {
	r := row{bytes: append([]byte(nil), b...)}
	n := int(binary.BigEndian.Uint32(b))
	starts := make([]int, n)
	at := 4
	for i := range n {
		size := int(int32(binary.BigEndian.Uint32(b[at+4:])))
		at += 8
		starts[i] = -1
		if size >= 0 {
			starts[i] = at
			at += size
		}
	}
	if n <= fieldPosition || at != len(b) {
		return r, fmt.Errorf("a ledger row of %d fields and %d bytes cannot be read", n, len(b))
	}
	r.time, r.id, r.key, r.alt = starts[fieldTime], starts[fieldID], starts[fieldKey], starts[fieldAlt]
	r.span, r.hash, r.position = starts[fieldSpan], starts[fieldHash], starts[fieldPosition]
	return r, nil
}

func (r *row) fieldLength(start int) int { return int(binary.BigEndian.Uint32(r.bytes[start-4:])) }

// postgresEpoch is 2000-01-01 in microseconds since 1970: PostgreSQL counts from there.
const postgresEpoch = 946_684_800_000_000

// appendTo appends the row of one event.
func (r *row) appendTo(buf []byte, s *stream, e *event) []byte {
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(r.bytes)))
	begin := len(buf)
	buf = append(buf, r.bytes...)
	b := buf[begin:]
	binary.BigEndian.PutUint64(b[r.time:], uint64(e.us-postgresEpoch))
	copy(b[r.id:], e.id[:])
	if r.key >= 0 {
		hex.Encode(b[r.key:], e.trace[:])
	}
	for i, start := range []int{r.alt, r.span} {
		if start >= 0 { // the end of the text: it may begin with "exc:"
			end := start + r.fieldLength(start)
			fillHex(b[max(start, end-16):end], s.draw(e.number, uint64(20+i)))
		}
	}
	binary.BigEndian.PutUint64(b[r.hash:], s.draw(e.number, 22))
	binary.BigEndian.PutUint64(b[r.position:], uint64(e.number))
	return buf
}

// fillHex overwrites text with hex digits of n.
func fillHex(text []byte, n uint64) {
	const digits = "0123456789abcdef"
	for i := range text {
		text[i] = digits[n&15]
		n >>= 4
	}
}

// encode is the array of the rows of events (array_recv in src/backend/utils/adt/arrayfuncs.c).
func encode(buf []byte, element uint32, rows []row, s *stream, events []event) []byte {
	buf = buf[:0]
	for _, v := range []uint32{1, 0, element, uint32(len(events)), 1} {
		buf = binary.BigEndian.AppendUint32(buf, v)
	}
	for i := range events {
		e := &events[i]
		buf = rows[e.template%uint64(len(rows))].appendTo(buf, s, e)
	}
	return buf
}
