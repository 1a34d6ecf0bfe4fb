package traffic

import (
	"container/heap"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// Record is one record to produce.
type Record struct {
	Topic     string
	Partition int32
	// Time is when the record is to be produced, and its timestamp.
	Time time.Time
	// Key is nil when the producer sends none. Value is nil for a tombstone.
	Key, Value []byte
	Headers    []Header
}

// Header is one header of a record.
type Header struct {
	Key   string
	Value []byte
}

// Generator invents traffic. It is not safe for concurrent use.
type Generator struct {
	cfg    Config
	r      *rand.Rand
	corpus string
	// clock is when the next story begins. Whatever is due before it has been planned.
	clock time.Time
	plans plans
	// planned is the number of plans ever made; it breaks ties of due and moves the clock.
	planned int64
	books   Books
}

// New is a generator for cfg.
func New(cfg Config) *Generator {
	cfg = cfg.withDefaults()
	r := rand.New(rand.NewPCG(cfg.Seed, 0x7261636574616c6c)) //nolint:gosec // it must repeat itself, and guards nothing
	return &Generator{cfg: cfg, r: r, corpus: newCorpus(r, 96<<10), clock: cfg.Start, books: newBooks()}
}

// Next is the next record, in the order of Record.Time. It is in the books from then on.
func (g *Generator) Next() Record {
	for len(g.plans) == 0 || g.plans[0].record.Time.After(g.clock) {
		g.tellStory()
	}
	return g.send(heap.Pop(&g.plans).(*plan))
}

// Finish ends the traffic at a time: it returns what has happened by then and was still on its way, such as late
// exceptions and second copies, with that time as its own. What would have happened later never does.
func (g *Generator) Finish(at time.Time) []Record {
	var rest []Record
	for len(g.plans) > 0 {
		p := heap.Pop(&g.plans).(*plan)
		if p.happened.After(at) {
			continue
		}
		if p.record.Time.After(at) {
			p.record.Time = at
		}
		rest = append(rest, g.send(p))
	}
	return rest
}

// Books are the books over all records that Next and Finish have returned.
func (g *Generator) Books() Books { return g.books.clone() }

func (g *Generator) send(p *plan) Record {
	g.books.enter(TopicPartition{p.record.Topic, p.record.Partition}, p.entry, *p.sent)
	*p.sent = true
	return p.record
}

// tellStory plans what one user's action makes the applications send, and moves the clock so that the mean rate holds.
func (g *Generator) tellStory() {
	before := g.planned
	switch n := g.r.IntN(100); {
	case n < 44:
		g.chat()
	case n < 74:
		g.support()
	case n < 86:
		g.agent()
	case n < 92:
		g.extraction()
	case n < 97:
		g.breakdown()
	default:
		g.noise()
	}
	gap := float64(g.planned-before) / g.cfg.Rate * (0.5 + g.r.Float64())
	g.clock = g.clock.Add(time.Duration(gap * float64(time.Second)))
}

// active tells whether an incident is on at a time.
func (g *Generator) active(kind IncidentKind, at time.Time) bool {
	for _, i := range g.cfg.Incidents {
		if i.Kind == kind && i.Active(at.Sub(g.cfg.Start)) {
			return true
		}
	}
	return false
}

// draft is a record before it has a partition.
type draft struct {
	topic      string
	key, value []byte
	headers    []Header
	// happened is when the newest of its events took place; due, not earlier, is when it is produced.
	happened, due time.Time
	entry         entry
	// noID marks an event without an id of its own: of such nobody can recognise a second copy, so none is sent.
	noID bool
}

// plan is a record that will be sent unless the traffic ends before. Both copies of a duplicate share sent.
type plan struct {
	record   Record
	happened time.Time
	order    int64
	entry    entry
	sent     *bool
}

// plan decides the partition, and whether the record is sent twice or in bad company.
func (g *Generator) plan(d draft) {
	sent := new(bool)
	g.push(d, g.partition(d.topic, d.key), sent)
	if !d.noID && len(d.entry.events) > 0 && g.chance(g.cfg.Duplicates) {
		d.due = d.due.Add(time.Duration(g.r.Int64N(int64(g.cfg.MaxLate/3 + 1))))
		g.push(d, g.r.Int32N(partitionsOf(d.topic)), sent)
	}
	if g.chance(g.cfg.Poison) {
		p := g.poison(d.happened)
		g.push(p, g.partition(p.topic, p.key), new(bool))
	}
}

func (g *Generator) push(d draft, partition int32, sent *bool) {
	g.planned++
	heap.Push(&g.plans, &plan{
		record: Record{
			Topic: d.topic, Partition: partition, Time: d.due.UTC().Truncate(time.Millisecond),
			Key: d.key, Value: d.value, Headers: d.headers,
		},
		happened: d.happened, order: g.planned, entry: d.entry, sent: sent,
	})
}

// partition hashes the key, as producers do; each client library has a hash of its own, so any will do.
func (g *Generator) partition(topic string, key []byte) int32 {
	n := partitionsOf(topic)
	if key == nil {
		return g.r.Int32N(n)
	}
	h := fnv.New32a()
	h.Write(key)
	return int32(h.Sum32() % uint32(n))
}

// plans is a heap, the next due on top.
type plans []*plan

func (p plans) Len() int      { return len(p) }
func (p plans) Swap(i, j int) { p[i], p[j] = p[j], p[i] }

// Push appends a plan; container/heap then moves it to its place.
func (p *plans) Push(x any) { *p = append(*p, x.(*plan)) }

func (p plans) Less(i, j int) bool {
	if !p[i].record.Time.Equal(p[j].record.Time) {
		return p[i].record.Time.Before(p[j].record.Time)
	}
	return p[i].order < p[j].order
}

// Pop takes the last away.
func (p *plans) Pop() any {
	old := *p
	last := old[len(old)-1]
	*p = old[:len(old)-1]
	return last
}
