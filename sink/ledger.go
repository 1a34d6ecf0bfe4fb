package sink

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tracetally/tracetally/schemas"
)

// ledgerChunk is how many rows one insert carries: some 0.7 MB, which pgx copies twice. The chunks of a transaction are one
// sorted sequence.
const ledgerChunk = 1000

// item is an event on its way into the ledger.
type item struct {
	us    int64
	id    [16]byte
	work  int32
	event int32
}

// sameKey tells whether two items are one row of the ledger.
func (a item) sameKey(b item) bool { return a.us == b.us && a.id == b.id }

// compare orders by key, and equal keys by (topic, partition, offset, place): works are sorted and events stand in the order
// of their records.
func (a item) compare(b item) int {
	if a.us != b.us {
		return cmp.Compare(a.us, b.us)
	}
	if c := bytes.Compare(a.id[:], b.id[:]); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(a.work, b.work), cmp.Compare(a.event, b.event))
}

// decide sets the verdict of every event of the works. Late is decided here; of equal keys inside the transaction the lowest
// coordinates win; the rest is up to the ledger's primary key.
func decide(ctx context.Context, tx pgx.Tx, works []*work, horizon int64) error {
	first, twins := firsts(works, horizon)
	for chunk := range slices.Chunk(first, ledgerChunk) {
		refused, err := insertLedger(ctx, tx, works, chunk)
		if err != nil {
			return err
		}
		twins = append(twins, refused...)
	}
	return compareContent(ctx, tx, works, twins)
}

// firsts sorts what is not late and splits it into the first of each key and the others.
func firsts(works []*work, horizon int64) (first, twins []item) {
	total := 0
	for _, w := range works {
		total += w.batch.n
	}
	items := make([]item, 0, total)
	for n, w := range works {
		for i := range w.events() {
			p := w.batch.at(i)
			if p.us < horizon {
				w.verdicts[i] = verdictLate
				continue
			}
			items = append(items, item{us: p.us, id: p.id, work: int32(n), event: int32(i)})
		}
	}
	slices.SortFunc(items, item.compare)
	first = items[:0]
	for _, it := range items {
		if len(first) > 0 && first[len(first)-1].sameKey(it) {
			twins = append(twins, it)
		} else {
			first = append(first, it)
		}
	}
	return first, twins
}

// LedgerInsert decides what is new. $1 is an array of tracetally.ledger_in, sorted by key, each key once; the keys of the rows
// that are new come back, in that order. It has a name outside of this package for internal/ledgerbench, which measures it.
const LedgerInsert = `
insert into tracetally.ledger (time, event_id, kind, series_id, join_key, alt_key, span_id, parent_id, user_hash, session_id,
    input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, reasoning_tokens,
    cost_inputs, cost_status, cost_reason, price_key, price_version, cost_usd, reported_cost_usd, estimated_cost_usd,
    status, retries, final, http_status, category, reason, error_code, retryable, rule, fingerprint, message_hash,
    trace_url, step, tool, latency_us, ttft_us, input_hash, content_hash, source_id, source_offset, source_index)
select * from unnest($1::tracetally.ledger_in[])
on conflict (time, event_id) do nothing
returning time, event_id`

// insertLedger inserts sorted items with distinct keys. What comes back is new; what does not was there before, possibly
// committed this moment by another worker, for whom the statement waited.
func insertLedger(ctx context.Context, tx pgx.Tx, works []*work, items []item) (refused []item, err error) {
	// Binary results, so that a key comes back as the bytes that were sent.
	back, err := tx.Query(ctx, LedgerInsert, pgx.QueryResultFormats{pgtype.BinaryFormatCode, pgtype.BinaryFormatCode}, &ledgerRows{works: works, items: items})
	if err != nil {
		return nil, doing("insert into the ledger", err)
	}
	defer back.Close()
	at := 0
	for back.Next() {
		us, id, err := returnedKey(back.RawValues())
		if err != nil {
			return nil, err
		}
		for ; at < len(items) && (items[at].us != us || items[at].id != id); at++ {
			refused = append(refused, items[at])
		}
		if at == len(items) {
			return nil, fmt.Errorf("%w: the ledger returned rows in another order than it was given", ErrInvariant)
		}
		works[items[at].work].verdicts[items[at].event] = verdictNew
		at++
	}
	return append(refused, items[at:]...), doing("insert into the ledger", back.Err())
}

func returnedKey(values [][]byte) (us int64, id [16]byte, err error) {
	if len(values) != 2 || len(values[0]) != 8 || len(values[1]) != 16 {
		return 0, id, fmt.Errorf("%w: the ledger returned a key of another shape", ErrInvariant)
	}
	return int64(binary.BigEndian.Uint64(values[0])) + postgresEpoch, [16]byte(values[1]), nil
}

// compareContent tells copies of an event from other events with its id, by one later statement that sees the rows
// committed meanwhile. The subquery looks one row up by its key; a join could choose to read the whole ledger.
func compareContent(ctx context.Context, tx pgx.Tx, works []*work, twins []item) error {
	const ask = `
select coalesce((select l.content_hash from tracetally.ledger l where l.time = u.time and l.event_id = u.id), u.hash)
from unnest($1::timestamptz[], $2::bytea[], $3::bigint[]) with ordinality u (time, id, hash, n)
order by u.n`
	for chunk := range slices.Chunk(twins, ledgerChunk) {
		times, ids, hashes := make([]time.Time, len(chunk)), make([][]byte, len(chunk)), make([]int64, len(chunk))
		for i, it := range chunk {
			times[i], ids[i], hashes[i] = time.UnixMicro(it.us).UTC(), chunk[i].id[:], works[it.work].batch.at(int(it.event)).hash
		}
		back, err := tx.Query(ctx, ask, times, ids, hashes)
		if err != nil {
			return doing("compare duplicates", err)
		}
		counted, err := pgx.CollectRows(back, pgx.RowTo[int64])
		if err != nil {
			return doing("compare duplicates", err)
		}
		for i, it := range chunk {
			v := verdictDuplicate
			if counted[i] != hashes[i] {
				v = verdictConflicting
			}
			works[it.work].verdicts[it.event] = v
		}
	}
	return nil
}

// ledgerRows is the array of the rows of some items, put together from where their batches keep them. Each gets its series,
// which only the attempt knows.
type ledgerRows struct {
	works []*work
	items []item
}

func (l *ledgerRows) appendArray(buf []byte, element uint32) []byte {
	size := arrayHeadBytes
	for _, it := range l.items {
		size += len(l.works[it.work].batch.at(int(it.event)).row)
	}
	buf = appendArrayHead(slices.Grow(buf, size), element, len(l.items))
	for _, it := range l.items {
		w := l.works[it.work]
		p := w.batch.at(int(it.event))
		at := len(buf) + int(p.seriesAt)
		buf = append(buf, p.row...)
		binary.BigEndian.PutUint64(buf[at:], uint64(w.series[p.series]))
	}
	return buf
}

// rowSource is where an event came from.
type rowSource struct {
	id     int32
	offset int64
	index  int32
}

// writeLedger writes the columns of ledger_in for one event into b.row.
func (b *Batch) writeLedger(p *prepared, e *schemas.Event, source rowSource) {
	r := &b.row
	r.time(p.us)
	r.bytes(p.id[:])
	r.text(e.Kind.String())
	r.int8(0) // see ledgerRows
	p.seriesAt = uint16(len(r.buf) - 8)
	at := len(r.buf) + headBytes
	r.optText(joinKey(e))
	p.traceAt, p.traceLen = uint16(at), 0
	if e.TraceID != "" {
		p.traceLen = uint16(len(r.buf) - at)
	}
	r.optText(altKey(e))
	r.optText(e.SpanID)
	r.optText(e.ParentID)
	r.hash(e.UserHash)
	r.optText(e.SessionID)
	writeUsage(r, e)
	writeCost(r, e)
	r.optText(e.Status.String())
	r.int8(max(e.Retries, 0))
	r.bool(final(e))
	writeFailure(r, e)
	r.optText(e.Step)
	r.optText(e.Tool)
	r.optInt8(inMicros(e.Latency))
	r.optInt8(inMicros(e.TTFT))
	r.hash(e.InputHash)
	r.int8(p.hash)
	r.int4(source.id)
	r.int8(source.offset)
	r.int4(source.index)
}

// joinKey is what calls and exceptions are joined on (design §4): the trace id, else an exception's own id, which a failed
// call may name.
func joinKey(e *schemas.Event) string {
	if e.TraceID == "" && e.Kind == schemas.ExceptionEvent {
		return "exc:" + e.ID
	}
	return e.TraceID
}

// altKey is the exception that a failed call names, else a second trace id.
func altKey(e *schemas.Event) string {
	if e.ExceptionEventID != "" && e.Kind == schemas.Call && e.Status.Failed() {
		return "exc:" + e.ExceptionEventID
	}
	return e.AltTraceID
}

func writeUsage(r *rows, e *schemas.Event) {
	t := &e.Usage.Tokens
	for _, n := range []schemas.Opt[int64]{t.Input, t.Output, t.CacheRead, t.CacheWrite, t.CacheWrite1h, t.Reasoning} {
		r.optInt8(n)
	}
}

func writeCost(r *rows, e *schemas.Event) {
	writeCostInputs(r, e)
	r.optText(string(e.CostStatus))
	r.optText(string(e.CostReason))
	r.optText(e.PriceKey)
	r.optText(e.PriceVersion)
	r.optDecimal(e.CostUSD)
	r.optDecimal(e.ReportedCostUSD)
	r.optDecimal(e.EstimatedCostUSD)
}

func writeFailure(r *rows, e *schemas.Event) {
	if e.HTTPStatus == 0 {
		r.null(pgtype.Int4OID)
	} else {
		r.int4(int32(e.HTTPStatus))
	}
	f := e.Failure
	if f == nil {
		for _, oid := range []uint32{
			pgtype.TextOID, pgtype.TextOID, pgtype.TextOID, pgtype.BoolOID, pgtype.TextOID, pgtype.TextOID, pgtype.Int8OID,
			pgtype.TextOID,
		} {
			r.null(oid)
		}
		return
	}
	r.optText(string(f.Category))
	r.optText(f.Reason)
	r.optText(f.Code)
	r.bool(f.Retryable)
	r.optText(f.Rule)
	r.optText(f.Fingerprint)
	r.optInt8(schemas.Opt[int64]{V: textHash(f.Message), Ok: f.Message != ""})
	r.optText(e.TraceURL)
}

func inMicros(d schemas.Opt[time.Duration]) schemas.Opt[int64] {
	return schemas.Opt[int64]{V: d.V.Microseconds(), Ok: d.Ok}
}
