package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tracetally/tracetally/sink"
)

// Sizes of what is written at once, as the sink writes at its target rate.
const (
	chunk       = 4000 // rows of a statement
	chunksATime = 5    // statements of a transaction
)

// filler inserts deliveries of a stream into one table.
type filler struct {
	session *session
	stream  *stream
	rows    []row
	element uint32 // type of a row
	// forgets: the table is emptied now and then, and takes copies of what it had.
	forgets bool
	next    int64 // delivery
	// sent and added count rows: those that were sent, and those that the table did not have.
	sent, added int64

	events []event
	buf    []byte
}

const statementName = "insert"

// newFiller prepares the sink's own statement for a table: the ledger, or another one like it.
func newFiller(ctx context.Context, url, table string, s *stream, rows []row) (*filler, error) {
	session, err := connect(ctx, url)
	if err != nil {
		return nil, err
	}
	f := &filler{session: session, stream: s, rows: rows}
	if err := session.QueryRow(ctx, `select 'tracetally.ledger_in'::regtype::oid`).Scan(&f.element); err != nil {
		return nil, fmt.Errorf("find the type of a row: %w", err)
	}
	insert := strings.Replace(sink.LedgerInsert, "into tracetally.ledger ", "into "+table+" ", 1) // one of two constants
	if _, err := session.PgConn().Prepare(ctx, statementName, insert, nil); err != nil {
		return nil, fmt.Errorf("prepare the insert: %w", err)
	}
	return f, nil
}

// transaction inserts the next chunks and commits. It fails if the table's verdict on what is new is not the stream's.
func (f *filler) transaction(ctx context.Context, chunks int) error {
	pg := f.session.PgConn()
	if _, err := pg.Exec(ctx, "begin").ReadAll(); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	for range chunks {
		if err := f.insert(ctx); err != nil {
			return err
		}
	}
	if _, err := pg.Exec(ctx, "commit").ReadAll(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

func (f *filler) insert(ctx context.Context) error {
	events, fresh := f.stream.batch(f.events, f.next, f.next+chunk)
	f.events, f.next = events, f.next+chunk
	f.buf = encode(f.buf, f.element, f.rows, f.stream, events)
	back := f.session.PgConn().ExecPrepared(ctx, statementName, [][]byte{f.buf}, []int16{1}, []int16{1, 1})
	added := 0
	for back.NextRow() {
		added++
	}
	if _, err := back.Close(); err != nil {
		return fmt.Errorf("insert rows: %w", err)
	}
	if added != fresh && !(f.forgets && added > fresh) {
		return fmt.Errorf("the ledger took %d of %d rows, %d are new", added, len(events), fresh)
	}
	f.sent += int64(len(events))
	f.added += int64(added)
	return nil
}

// now is the time of the stream at the next delivery.
func (f *filler) now() time.Time { return f.stream.start.Add(time.Duration(f.next) * f.stream.gap) }
