package consumer

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// distant is a connection to another machine, as far as addresses go; nothing is sent on it.
type distant struct{ net.Conn }

func (distant) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:9092"))
}

func TestNothingIsSaidToAnotherMachineWithoutTLSUnlessTold(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	local := []string{"127.0.0.1:9092"} // which advertises a broker that is elsewhere
	d := newDoor(Access{}, local, "test", nil)
	_, err := d.enter(t.Context(), distant{ours}, "kafka-2.example:9092")
	var access *AccessError
	if !errors.As(err, &access) || !strings.Contains(err.Error(), "we do not speak without TLS: set kafka-tls") {
		t.Errorf("got %v", err)
	}
	var log bytes.Buffer
	told := newDoor(Access{Plaintext: true}, []string{"kafka-2.example:9092"}, "test", slog.New(slog.NewTextHandler(&log, nil)))
	if _, err := told.enter(t.Context(), distant{ours}, "kafka-2.example:9092"); err != nil {
		t.Errorf("told to, and yet: %v", err)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "not encrypted") {
		t.Errorf("no warning: %s", &log)
	}
	for brokers, secure := range map[string]bool{
		"127.0.0.1:1": false, "localhost:1": false, "[::1]:1": false, "127.0.0.2": false, "[::ffff:127.0.0.1]:1": false,
		"kafka:9092": true, "192.0.2.1:9092": true, "localhost.example:1": true, "[2001:db8::1]:1": true, "127.0.0.1:1,kafka:1": true,
	} {
		if got := (Access{}).secure(strings.Split(brokers, ",")); got != secure {
			t.Errorf("%s: TLS is %v", brokers, got)
		}
	}
}

func TestRefusalIsSaidOncePerChangeAndGrowsOld(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	now := time.Unix(1e9, 0)
	d := newDoor(Access{}, nil, "test", slog.New(slog.NewTextHandler(&log, nil)))
	d.now = func() time.Time { return now }
	said := func() int { return strings.Count(log.String(), "level=WARN") }
	note := func(where, problem string) { d.note(&AccessError{Where: where, Problem: problem, Mend: "mend"}) }
	for range 5 {
		note("a:1", "no")
		note("b:1", "no")
	}
	if said() != 2 {
		t.Errorf("%d lines for two brokers", said())
	}
	note("a:1", "something else")
	if said() != 3 {
		t.Errorf("%d lines after a change", said())
	}
	d.admit("a:1")
	d.admit("c:1")
	if err := d.standing(); err == nil || strings.Contains(err.Error(), "a:1") || !strings.Contains(err.Error(), "b:1") || strings.Count(log.String(), "again") != 1 {
		t.Errorf("standing: %v\n%s", err, &log)
	}
	now = now.Add(refusalHolds + time.Second)
	if err := d.standing(); err != nil {
		t.Errorf("a broker that is gone is held against us: %v", err)
	}
	d.note(io.EOF) // no refusal: nobody asked for it
	if d.standing() != nil {
		t.Error("an ordinary error became a refusal")
	}
}

func TestHangingUpOnceIsNoRefusal(t *testing.T) {
	t.Parallel()
	d := newDoor(Access{}, nil, "test", nil)
	for range tooYoung - 1 {
		if err := d.explainSilence("a:1", io.EOF); !errors.Is(err, io.EOF) {
			t.Fatalf("got %v", err)
		}
	}
	d.admit("a:1") // a connection was of use
	if err := d.explainSilence("a:1", io.EOF); !errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
	for range tooYoung {
		d.note(d.explainSilence("a:1", io.ErrUnexpectedEOF))
	}
	if d.standing() == nil {
		t.Error("hanging up each time is no accident")
	}
}

func TestWhatBrokersSayStaysOneLineWithoutThePassword(t *testing.T) {
	t.Parallel()
	d := newDoor(Access{Mechanism: Plain, User: "u\nlevel=ERROR"}, nil, "test", nil)
	text := "no\x1b[31m\r\nlevel=ERROR hunter2 " + strings.Repeat("long ", 1000)
	err := d.explainRefusal("a:1", "hunter2", &saslError{code: 58, text: text})
	if got := err.Error(); strings.ContainsAny(got, "\n\r\x1b") || strings.Contains(got, "hunter2") || len(got) > maxLine+10 {
		t.Errorf("got %q", got)
	}
}
