package consumer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	dialTimeout = 5 * time.Second
	// silentAfter is after how long without a word from a broker it is said that it does not answer; it is waited for on.
	silentAfter = 2 * time.Second
	// metadataTTL bounds how long a moved leader goes unnoticed. kafka-go asks at a random moment within it and gives a
	// broker as long to answer, so it cannot be much shorter.
	metadataTTL = 3 * time.Second
	// answerTimeout is what a request may take beyond the time that it asks a broker to wait.
	answerTimeout = 10 * time.Second
	// shutTimeout bounds how long closing waits for kafka-go's goroutines, whose connections are broken by then.
	shutTimeout = 5 * time.Second
)

// newTransport, newDialer and NewTransport are the only places where connections to Kafka are made. What a connection must
// have (TLS, SASL) is done in connections.dial, which all of them use, and not by kafka-go.
func newTransport(ctx context.Context, cfg Config, conns *connections) *kafka.Transport {
	return &kafka.Transport{
		Dial:           conns.dial,
		DialTimeout:    dialTimeout,
		MetadataTTL:    metadataTTL,
		MetadataTopics: cfg.Topics, // else it asks for every topic of the cluster
		ClientID:       cfg.ClientID,
		Context:        ctx,
	}
}

func newDialer(cfg Config, conns *connections) *kafka.Dialer {
	return &kafka.Dialer{DialFunc: conns.dial, Timeout: dialTimeout, ClientID: cfg.ClientID}
}

// connections keeps the open connections of one user of kafka-go, which has no way to interrupt a request in flight: a
// join can take the rebalance timeout, a fetch over a dead network its whole deadline.
type connections struct {
	door *door

	mu       sync.Mutex
	open     map[*conn]struct{}
	shutting bool
	empty    chan struct{} // closed once shutting and nothing is open
}

var errShut = errors.New("client is closed")

func newConnections(d *door) *connections {
	return &connections{door: d, open: map[*conn]struct{}{}, empty: make(chan struct{})}
}

// dial is a kafka.Dialer's DialFunc and a kafka.Transport's Dial: what it gives is secure and authenticated.
func (c *connections) dial(ctx context.Context, network, address string) (net.Conn, error) {
	silence := time.AfterFunc(silentAfter, func() { _ = c.door.reach.fails(address, os.ErrDeadlineExceeded) })
	nc, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		silence.Stop()
		if late := net.Error(nil); ctx.Err() != nil || errors.As(err, &late) && late.Timeout() {
			return nil, cmp.Or(c.door.reach.standing(), err) // it had little time perhaps, another broker took it; silence tells
		}
		return nil, c.door.reach.fails(address, err)
	}
	tracked := &conn{Conn: nc, owner: c, address: address, silence: silence}
	if err := c.track(tracked); err != nil { // before anything is said on it, so that it can be interrupted
		return nil, err
	}
	if c.door.secure { // the handshake explains by itself what ends it
		tracked.hears()
	}
	in, err := c.door.enter(ctx, tracked, address)
	if err != nil {
		_ = tracked.Close() // why it is of no use is said already
		return nil, err
	}
	return in, nil
}

func (c *connections) track(tracked *conn) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.shutting {
		tracked.silence.Stop()
		return errors.Join(errShut, tracked.Conn.Close())
	}
	c.open[tracked] = struct{}{}
	return nil
}

// interrupt breaks every open connection: what waits on one fails at once. New ones may be dialled.
func (c *connections) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.open {
		_ = conn.Conn.Close() // its owner closes it again and is told what went wrong
	}
}

// shut breaks every connection, refuses new ones, and waits until their owners have closed them.
func (c *connections) shut() error {
	c.mu.Lock()
	c.shutting = true
	c.settle()
	c.mu.Unlock()
	c.interrupt()
	timer := time.NewTimer(shutTimeout)
	defer timer.Stop()
	select {
	case <-c.empty:
		return nil
	case <-timer.C:
		return fmt.Errorf("close connections to Kafka: some are in use after %v", shutTimeout)
	}
}

// settle announces that the last connection is gone. The caller holds mu.
func (c *connections) settle() {
	if !c.shutting || len(c.open) > 0 {
		return
	}
	select {
	case <-c.empty:
	default:
		close(c.empty)
	}
}

// conn tells its connections when its owner has closed it, and the door whether there is anybody at the other end.
type conn struct {
	net.Conn
	owner   *connections
	address string
	silence *time.Timer // says that nobody answers, unless stopped
	heard   atomic.Bool
}

// Read reads. A port that takes connections may have nobody behind it: a broker answers only once it says something, or
// hangs up.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.heard.Load() {
		return n, err
	}
	ours := errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) // what ended it
	if n > 0 || !ours {
		c.hears()
	}
	return n, err
}

// hears ends the wait for a first word.
func (c *conn) hears() {
	if !c.heard.Swap(true) {
		c.silence.Stop()
		c.owner.door.reach.answers(c.address)
	}
}

// Close closes the connection, whether or not it was broken already.
func (c *conn) Close() error {
	c.silence.Stop()
	err := c.Conn.Close()
	c.owner.mu.Lock()
	defer c.owner.mu.Unlock()
	delete(c.owner.open, c)
	c.owner.settle()
	return err
}
