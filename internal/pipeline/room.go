package pipeline

import (
	"context"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/tracetally/tracetally/classify"
	"github.com/tracetally/tracetally/sink"
)

// How a worker's memory is divided. Measured on Linux with Go 1.26 by make bench.
const (
	// baseBytes is what a worker holds that reads nothing: the program itself, its rules and prices.
	baseBytes = 48 << 20
	// leastBytes is the least that batches are given, whatever the limit: less would only be slow.
	leastBytes = 8 << 20
	// stepBytes is how much a batch takes of the room at a time.
	stepBytes = 64 << 10
	// fetchedBytes is what all partitions together may have fetched and not yet unpacked: each asks for its share.
	fetchedBytes = 8 << 20
	// leastFetch is the least that a partition asks for; a batch that is larger comes whole all the same.
	leastFetch = 8 << 10
	// recordBytes is how much one record may take beyond what the room has left, as nothing can be offered in its middle.
	recordBytes = 512 << 10
)

// chunksAtOnce is how many partitions may unpack and decode at a time. The others wait for their turn with no more in hand
// than what they fetched: more than the cores would only take memory, a few MiB each.
func chunksAtOnce() int { return min(runtime.GOMAXPROCS(0)+2, 8) }

// room is the memory that the partitions of a worker share. Three things are bounded:
//
//   - what batches hold, offered or being built (events): it is taken in steps while they grow
//   - how many partitions have a chunk of the log in hand: as many as there are lines
//   - who has a batch of Kafka beyond 4 MiB, or a record of so many events that it alone needs more than is left (large):
//     one partition, from there until what was made of it is committed
//
// Nothing is waited for in vain. A batch that was offered leaves when PostgreSQL answers, and that waits for nobody. Who waits
// to go beyond the room may have a batch that cannot be offered, in the middle of a record; so whoever may go beyond it waits
// for no part of it. Any other batch that is being built is offered after BatchAge at the latest, whatever its partition waits
// for; only who has no batch waits for events; and a batch that was enlarged is offered without waiting for anything else.
type room struct {
	memory sink.Memory
	events *semaphore.Weighted
	large  *semaphore.Weighted
	lines  chan *Line
}

// newRoom divides a limit on the memory of the whole process.
func newRoom(limit int64, cfg LineConfig, rules *classify.Classifier) (*room, error) {
	r := &room{
		// The rest is for chunks, for what a commit sends, and for what the garbage collector has not taken yet.
		events: semaphore.NewWeighted(max(leastBytes, (limit-baseBytes)/4)),
		large:  semaphore.NewWeighted(1),
		lines:  make(chan *Line, chunksAtOnce()),
	}
	for range cap(r.lines) {
		line, err := NewLine(cfg, rules)
		if err != nil {
			return nil, err
		}
		r.lines <- line
	}
	return r, nil
}

// fetchShare is how much a partition asks for at a time if there are so many.
func fetchShare(most int32, partitions int64) int32 {
	return min(most, int32(max(leastFetch, fetchedBytes/max(1, partitions))))
}

// token is the right to go beyond the room, of which there is one. A chunk and the batch made of it may share it.
type token struct {
	room *room
	held atomic.Int32
}

// enlarge waits for the token.
func (r *room) enlarge(ctx context.Context) (*token, error) {
	if err := r.large.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	t := &token{room: r}
	t.held.Store(1)
	return t, nil
}

// share is the token for one more holder.
func (t *token) share() *token {
	t.held.Add(1)
	return t
}

// end is called by each holder. Without a token it does nothing.
func (t *token) end() {
	if t != nil && t.held.Add(-1) == 0 {
		t.room.large.Release(1)
	}
}

// lease is what one batch has taken of the room.
type lease struct {
	room *room
	held int64
	// large, if not nil, permits whatever the batch needs.
	large *token
}

// covers tells whether the lease is enough for so many bytes, taking more if that can be had at once.
func (l *lease) covers(bytes int) bool {
	for l.large == nil && int64(bytes) > l.held {
		if !l.room.events.TryAcquire(stepBytes) {
			return false
		}
		l.held += stepBytes
	}
	return true
}

// begin waits for the first step of a batch. Who has the token for its chunk takes that instead if there is none at once:
// all of the room may be held by one who waits for the token.
func (l *lease) begin(ctx context.Context, chunk *token) error {
	if l.held > 0 || l.large != nil || chunk != nil && l.covers(1) {
		return nil
	}
	if chunk != nil {
		l.large = chunk.share()
		return nil
	}
	if err := l.room.events.Acquire(ctx, stepBytes); err != nil {
		return err
	}
	l.held = stepBytes
	return nil
}

// end gives everything back.
func (l *lease) end() {
	if l.held > 0 {
		l.room.events.Release(l.held)
	}
	l.large.end()
	l.held, l.large = 0, nil
}
