package consumer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/saslauthenticate"
	"github.com/segmentio/kafka-go/protocol/saslhandshake"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// mechanism is the state machine of the configured mechanism. Its errors name neither user nor password: the library's own
// quotes the password (xdg-go/scram v1.1.2, NewClient).
func (a Access) mechanism(password string) (sasl.Mechanism, error) {
	algorithm := scram.SHA256
	switch a.Mechanism {
	case Plain:
		return plain.Mechanism{Username: a.User, Password: password}, nil
	case ScramSHA512:
		algorithm = scram.SHA512
	}
	m, err := scram.Mechanism(algorithm, a.User, password)
	if err != nil {
		return nil, errors.New("SCRAM does not admit a character in it (control characters, for one: SASLprep, RFC 4013)")
	}
	return m, nil
}

// authenticate proves to a broker who we are. It is done here and not by kafka-go so that both of kafka-go's ways to
// connect do the same, and because kafka-go drops what a broker says beside a refusal.
func (d *door) authenticate(ctx context.Context, nc net.Conn, address string) error {
	refused := func(problem, mend string, err error) error {
		return &AccessError{Where: address, Problem: problem, Mend: mend, Err: err}
	}
	password, err := d.access.password()
	if err != nil {
		return refused("the password cannot be read", "mend the file", err)
	}
	m, err := d.access.mechanism(password)
	if err != nil {
		return refused("user or password cannot be used", "choose others", err)
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = nc.SetDeadline(deadline)
		defer nc.SetDeadline(time.Time{}) //nolint:errcheck // a connection that is broken says so at its next use
	}
	defer context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })()
	pc := protocol.NewConn(nc, d.clientID)
	pc.SetVersions(map[protocol.ApiKey]int16{protocol.SaslHandshake: 1, protocol.SaslAuthenticate: 1}) // Kafka 2.2
	if err := d.offer(pc, address); err != nil {
		return err
	}
	return d.converse(ctx, pc, m, address, password)
}

// offer asks for the mechanism.
func (d *door) offer(pc *protocol.Conn, address string) error {
	refused := func(problem, mend string, err error) error {
		return &AccessError{Where: address, Problem: problem, Mend: mend, Err: err}
	}
	msg, err := pc.RoundTrip(&saslhandshake.Request{Mechanism: d.access.Mechanism})
	if err != nil {
		return d.explainSilence(address, fmt.Errorf("ask for %s: %w", d.access.Mechanism, err))
	}
	res := msg.(*saslhandshake.Response)
	switch code := kafka.Error(res.ErrorCode); code {
	case 0:
		return nil
	case kafka.UnsupportedSASLMechanism:
		return refused("it does not offer "+d.access.Mechanism, "set kafka-sasl to what it offers: "+strings.Join(res.Mechanisms, ", "), nil)
	case kafka.IllegalSASLState:
		return refused("it does not use SASL on this port", "use the port of its SASL_SSL listener, or leave kafka-sasl out", nil)
	default:
		return refused("it refuses "+d.access.Mechanism, "see the broker's log", code)
	}
}

// converse exchanges messages of the mechanism until it is satisfied. A broker that is not says so, or hangs up.
func (d *door) converse(ctx context.Context, pc *protocol.Conn, m sasl.Mechanism, address, password string) error {
	state, ours, err := m.Start(ctx)
	for done := false; err == nil && !done; {
		var theirs []byte
		if theirs, err = exchange(pc, ours); err != nil {
			return d.explainRefusal(address, password, err)
		}
		done, ours, err = state.Next(ctx, theirs)
	}
	if err != nil {
		return &AccessError{
			Where: address, Problem: "its side of " + d.access.Mechanism + " is wrong: it may not know the password itself",
			Mend: "check that it is the right broker", Err: errors.New(without(err.Error(), password)),
		}
	}
	return nil
}

// saslError is a broker's refusal.
type saslError struct {
	code kafka.Error
	text string
}

func (e *saslError) Error() string { return e.text }
func (e *saslError) Unwrap() error { return e.code }

func exchange(pc *protocol.Conn, ours []byte) ([]byte, error) {
	msg, err := pc.RoundTrip(&saslauthenticate.Request{AuthBytes: ours})
	if err != nil {
		return nil, err
	}
	res := msg.(*saslauthenticate.Response)
	if res.ErrorCode != 0 {
		return nil, &saslError{code: kafka.Error(res.ErrorCode), text: res.ErrorMessage}
	}
	return res.AuthBytes, nil
}

// explainRefusal: Apache Kafka answers with code 58 and a text, for a wrong password and for an unknown user alike; others
// (kfake, older brokers) hang up.
func (d *door) explainRefusal(address, password string, err error) error {
	refusal := &AccessError{
		Where: address, Problem: fmt.Sprintf("it refuses user %q or the password, by %s", d.access.User, d.access.Mechanism),
		Mend: "check kafka-user and " + d.access.passwordSource() + ", and that the broker knows this user for this mechanism",
	}
	var said *saslError
	switch {
	case errors.As(err, &said):
		refusal.Err = &saslError{code: said.code, text: without(said.text, password)}
	case hungUp(err):
		refusal.Err = errHungUp
	default:
		return fmt.Errorf("authenticate to %s: %w", address, err)
	}
	return refusal
}

func (a Access) passwordSource() string {
	if a.Password.File != "" {
		return a.Password.File + " (kafka-password-file)"
	}
	return "TRACETALLY_KAFKA_PASSWORD"
}

// without leaves the password out of what a broker said.
func without(text, password string) string {
	if password == "" {
		return text
	}
	return strings.ReplaceAll(text, password, "***")
}

var errHungUp = errors.New("it hung up")

// hungUp tells whether the peer has closed the connection.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
