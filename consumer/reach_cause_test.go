package consumer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestUnreachableKafkaIsSaidOncePerChangeOfCause(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := newReach([]string{"a:1", "b"}, slog.New(slog.NewTextHandler(&log, nil)))
	said := func(want int) {
		t.Helper()
		if n := strings.Count(log.String(), "level=WARN"); n != want {
			t.Errorf("%d lines, want %d:\n%s", n, want, &log)
		}
	}
	for range 5 {
		if err := r.fails("a:1", syscall.ECONNREFUSED); !errors.Is(err, syscall.ECONNREFUSED) || r.standing() != nil {
			t.Errorf("b may answer, and yet: %v", err)
		}
	}
	said(0)
	for range 5 {
		_ = r.fails("b:9092", syscall.ECONNREFUSED)
		_ = r.fails("a:1", syscall.ECONNREFUSED)
	}
	said(1)
	_ = r.fails("a:1", os.ErrDeadlineExceeded)
	said(2)
	r.answers("b:9092")
	r.answers("b:9092")
	if strings.Count(log.String(), "level=INFO") != 1 || r.standing() != nil {
		t.Errorf("b answers: %v\n%s", r.standing(), &log)
	}
	_ = r.fails("a:1", os.ErrDeadlineExceeded)
	said(2)
	_ = r.fails("b:9092", syscall.ECONNREFUSED)
	said(3)
}

func TestEveryOutageHasItsCause(t *testing.T) {
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Err: err} }
	for want, err := range map[string]error{
		"refuses the connection":                              dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)),
		"is a host name that is not known":                    dial(&net.DNSError{IsNotFound: true}),
		"is a host name that the name server does not answer": dial(&net.DNSError{IsTimeout: true}),
		"does not answer":                                     dial(context.DeadlineExceeded),
		"cannot be reached (no route to host)":                dial(os.NewSyscallError("connect", syscall.EHOSTUNREACH)),
		"cannot be reached":                                   io.ErrUnexpectedEOF,
	} {
		if got := outageOf(err); !strings.HasPrefix(got.problem, want) {
			t.Errorf("%v is %+v, want %q", err, got, want)
		}
	}
}
