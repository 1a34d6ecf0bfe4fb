package sink

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// commitMessage is how COMMIT travels: a simple query.
const commitMessage = "Q\x00\x00\x00\x0bcommit\x00"

// lossy stands between a store and the server and cuts the connection at one COMMIT: before the server hears of it, or
// after the server has answered.
type lossy struct {
	server string
	mu     sync.Mutex
	armed  string // "", "before", "after"
	meet   func() // runs between the server's answer and the cut
}

// through starts the proxy and returns the URL that leads through it.
func (l *lossy) through(t *testing.T, raw string) string {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	l.server = u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var g sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		g.Wait()
	})
	g.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			g.Go(func() { l.serve(client) })
		}
	})
	u.Host = listener.Addr().String()
	return u.String()
}

func (l *lossy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", l.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	cut := make(chan struct{})
	var g sync.WaitGroup
	g.Go(func() { l.answers(client, server, cut) })
	l.requests(client, server, cut)
	_ = server.Close()
	g.Wait()
}

// requests passes on what the client says, until a COMMIT is to be lost.
func (l *lossy) requests(client, server net.Conn, cut chan struct{}) {
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if bytes.Equal(buf[:n], []byte(commitMessage)) {
			switch l.disarm() {
			case "before":
				return
			case "after":
				close(cut)
				_, _ = server.Write(buf[:n])
				_, _ = io.Copy(io.Discard, client) // until the answering side closes it
				return
			}
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// answers passes on what the server says; the answer to a COMMIT that is to be lost ends the connection instead.
func (l *lossy) answers(client, server net.Conn, cut chan struct{}) {
	defer func() { _ = client.Close() }()
	buf := make([]byte, 1<<16)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		select {
		case <-cut:
			if l.meet != nil {
				l.meet()
			}
			return
		default:
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (l *lossy) disarm() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.armed
	l.armed = ""
	return was
}

func (l *lossy) fired() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.armed == ""
}
