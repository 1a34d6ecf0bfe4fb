package consumer

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// door is where connections come in: it makes each of them what Access says, and remembers who does not let us in, so that
// it is said once and not at every try.
type door struct {
	access   Access
	secure   bool // connections speak TLS
	clientID string
	log      *slog.Logger
	now      func() time.Time
	reach    *reach

	mu      sync.Mutex
	refused map[string]refusal // by AccessError.Where
	young   map[string]int     // connections in a row that a broker closed before they were of any use
}

type refusal struct {
	err *AccessError
	at  time.Time
}

const (
	// refusalHolds is how long a refusal stands that does not come again: whoever still wants in tries more often, and a
	// broker that is gone for good must not be held against us.
	refusalHolds = 2 * time.Minute
	// tooYoung is after how many useless connections in a row a broker's hanging up is no accident.
	tooYoung = 3
)

func newDoor(a Access, brokers []string, clientID string, log *slog.Logger) *door {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d := &door{
		access: a, secure: a.secure(brokers), clientID: clientID, log: log, now: time.Now, reach: newReach(brokers, log),
		refused: map[string]refusal{}, young: map[string]int{},
	}
	if a.Plaintext && slices.ContainsFunc(brokers, func(b string) bool { return !loopbackName(b) }) {
		log.Warn("connections to Kafka are not encrypted: whoever is on the way can read and change the records")
	}
	return d
}

// enter makes of a fresh connection one that may be used, or says why it may not.
func (d *door) enter(ctx context.Context, nc net.Conn, address string) (net.Conn, error) {
	nc, err := d.open(ctx, nc, address)
	if err != nil {
		d.note(err)
		return nil, err
	}
	return nc, nil
}

func (d *door) open(ctx context.Context, nc net.Conn, address string) (net.Conn, error) {
	if !d.secure && !d.access.Plaintext && !loopbackPeer(nc) {
		return nil, &AccessError{
			Where: address, Problem: "it is on another machine, where we do not speak without TLS",
			Mend: "set kafka-tls; or kafka-plaintext, if everyone on the way may read along",
		}
	}
	if d.secure {
		var err error
		if nc, err = d.handshake(ctx, nc, address); err != nil {
			return nil, err
		}
	}
	g := &guest{Conn: nc, door: d, address: address}
	if d.access.Mechanism != "" {
		if err := d.authenticate(ctx, g, address); err != nil {
			return nil, err
		}
		g.settle()
	}
	return g, nil
}

func loopbackPeer(nc net.Conn) bool {
	tcp, ok := nc.RemoteAddr().(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// note remembers an AccessError, and says it if it is news.
func (d *door) note(err error) {
	var access *AccessError
	if !errors.As(err, &access) {
		return
	}
	d.mu.Lock()
	before, known := d.refused[access.Where]
	d.refused[access.Where] = refusal{err: access, at: d.now()}
	d.mu.Unlock()
	if !known || before.err.Problem != access.Problem {
		d.log.Warn("Kafka does not let us in", "err", access)
	}
}

// admit forgets what a broker, a topic or a group said before.
func (d *door) admit(where string) {
	d.mu.Lock()
	_, known := d.refused[where]
	delete(d.refused, where)
	delete(d.young, where)
	d.mu.Unlock()
	if known {
		d.log.Info("Kafka lets us in again", "where", where)
	}
}

// standing is every refusal that has not been taken back nor grown old.
func (d *door) standing() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for where, r := range d.refused {
		if d.now().Sub(r.at) > refusalHolds {
			delete(d.refused, where)
			continue
		}
		errs = append(errs, r.err)
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(errs...)
}

// guest is a connection that has come through the door. Until it has been of use, what ends it is explained.
type guest struct {
	net.Conn
	door    *door
	address string
	reads   atomic.Int32
	settled atomic.Bool
}

// useful is how many reads with a result make a connection one that is in: the first answer may be one that every
// listener gives, to a question for its versions.
const useful = 2

// Read reads, and says what a broker means that does not answer.
func (g *guest) Read(b []byte) (int, error) {
	n, err := g.Conn.Read(b)
	if g.settled.Load() {
		return n, err
	}
	if n > 0 {
		if !g.door.secure && g.reads.Load() == 0 && looksLikeTLS(b[:n]) {
			err := &AccessError{Where: g.address, Problem: "it speaks TLS on this port", Mend: "set kafka-tls"}
			g.door.note(err)
			return 0, err
		}
		if g.reads.Add(1) >= useful && !g.authenticating() {
			g.settle()
		}
	}
	return n, g.explain(err)
}

// Write writes, and says what a broker means that does not listen.
func (g *guest) Write(b []byte) (int, error) {
	n, err := g.Conn.Write(b)
	if g.settled.Load() {
		return n, err
	}
	return n, g.explain(err)
}

// authenticating tells whether SASL is going on, which explains by itself what ends it.
func (g *guest) authenticating() bool { return g.door.access.Mechanism != "" }

func (g *guest) explain(err error) error {
	if err == nil || g.authenticating() {
		return err
	}
	err = g.door.explainSilence(g.address, err)
	g.door.note(err)
	return err
}

func (g *guest) settle() {
	g.settled.Store(true)
	g.door.admit(g.address)
}

// hangsUp counts one more useless connection, and says what it means unless it is to be explained: nothing yet, or what the
// broker said before.
func (d *door) hangsUp(address string, err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.young[address]++
	before, known := d.refused[address]
	switch {
	case known && d.now().Sub(before.at) <= refusalHolds:
		return &AccessError{Where: address, Problem: before.err.Problem, Mend: before.err.Mend}
	case d.young[address] < tooYoung:
		return err
	}
	return nil
}

// explainSilence says what a broker may mean that ends a connection before it was of any use. A broker that stops does so
// too: only several in a row count.
func (d *door) explainSilence(address string, err error) error {
	var access *AccessError
	if errors.As(err, &access) {
		return err
	}
	if alert := d.explainAlert(address, err); alert != nil {
		return alert
	}
	if !hungUp(err) {
		return err
	}
	if again := d.hangsUp(address, err); again != nil {
		return again
	}
	refused := &AccessError{Where: address, Problem: "it hangs up on every new connection"} // an io.EOF in it would be all that kafka-go leaves of it
	switch {
	case d.access.Mechanism == "" && d.secure:
		refused.Mend = "it may want SASL (kafka-sasl), or a certificate of ours (kafka-cert-file)"
	case d.access.Mechanism == "":
		refused.Mend = "it may want TLS (kafka-tls) or SASL (kafka-sasl) on this port"
	case d.secure:
		refused.Mend = "it may want a certificate of ours (kafka-cert-file), or no SASL on this port"
	default:
		refused.Mend = "it may want TLS (kafka-tls), or no SASL on this port"
	}
	return refused
}
