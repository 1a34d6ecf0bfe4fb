// Package netfault is a TCP proxy on loopback that does what networks do on bad days, for tests: it delays, cuts into pieces,
// resets connections, and swallows what is said on them without a word.
package netfault

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Proxy passes connections on to one address. It is safe for concurrent use.
type Proxy struct {
	target   string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	links   map[*link]struct{}
	latency time.Duration
	piece   int
	muteNew bool
	closed  bool
}

// link is one connection through the proxy.
type link struct {
	client, server net.Conn
	mute           chan struct{} // closed: nothing passes any more, and nobody is told
	once           sync.Once
}

// Start listens on a free port of 127.0.0.1.
func Start(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	p := &Proxy{target: target, listener: listener, links: map[*link]struct{}{}}
	p.running.Go(p.accept)
	return p, nil
}

// Addr is where the proxy listens, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Delay makes every byte from now on arrive so much later, in both directions. Throughput is not bounded by it.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latency = d
}

// Slice cuts what passes from now on into pieces of at most so many bytes; 0: whatever comes.
func (p *Proxy) Slice(most int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.piece = most
}

// Mute swallows everything on the connections that are open, which stay open. With later, on those too that are opened from
// now on; else those pass again.
func (p *Proxy) Mute(later bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muteNew = later
	for l := range p.links {
		l.silence()
	}
}

// Reset ends the open connections the hard way: both sides get "connection reset by peer".
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.end(true)
	}
}

// Close ends everything and waits.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	_ = p.listener.Close()
	for l := range p.links {
		l.end(false)
	}
	p.mu.Unlock()
	p.running.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil { // as if nobody listened: the test has stopped the server
			_ = client.Close()
			continue
		}
		p.open(&link{client: client, server: server, mute: make(chan struct{})})
	}
}

func (p *Proxy) open(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		l.end(false)
		return
	}
	p.links[l] = struct{}{}
	if p.muteNew {
		l.silence()
	}
	var directions sync.WaitGroup
	directions.Go(func() { p.pass(l, l.client, l.server) })
	directions.Go(func() { p.pass(l, l.server, l.client) })
	p.running.Go(func() {
		directions.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.links, l)
	})
}

// chunk is what arrived, and when it may go on.
type chunk struct {
	bytes []byte
	due   time.Time
}

// pass carries one direction: a reader that notes when each chunk is due, and a writer that waits for it.
func (p *Proxy) pass(l *link, from, to net.Conn) {
	queue := make(chan chunk, 1024)
	var writing sync.WaitGroup
	writing.Go(func() { p.write(l, to, queue) })
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		due := time.Now().Add(p.latency)
		p.mu.Unlock()
		if n > 0 {
			queue <- chunk{append([]byte(nil), buffer[:n]...), due}
		}
		if err != nil {
			break
		}
	}
	close(queue)
	writing.Wait()
	select {
	case <-l.mute: // the other side hears nothing, not even the end; Close ends it
	default:
		l.end(false)
	}
}

func (p *Proxy) write(l *link, to io.Writer, queue <-chan chunk) {
	for c := range queue {
		time.Sleep(time.Until(c.due))
		p.mu.Lock()
		piece := p.piece
		p.mu.Unlock()
		for len(c.bytes) > 0 {
			n := len(c.bytes)
			if piece > 0 {
				n = min(n, piece)
			}
			select {
			case <-l.mute:
			default:
				_, _ = to.Write(c.bytes[:n]) // whoever reads from there finds out
			}
			c.bytes = c.bytes[n:]
		}
	}
}

func (l *link) silence() { l.once.Do(func() { close(l.mute) }) }

func (l *link) end(reset bool) {
	for _, c := range []net.Conn{l.client, l.server} {
		if tcp, ok := c.(*net.TCPConn); ok && reset {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
}
