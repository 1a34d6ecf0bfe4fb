package consumer

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"

	"github.com/tracetally/tracetally/internal/secret"
)

// The SASL mechanisms that Access.Mechanism may name.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
)

// Mechanisms are all that Access.Mechanism may name.
func Mechanisms() []string { return []string{Plain, ScramSHA256, ScramSHA512} }

// Access is how a connection to Kafka is secured, and as whom. The zero value speaks TLS to brokers on other machines, with
// the system's CAs, and neither TLS nor SASL to brokers on loopback.
//
// Files are read anew for each connection, so that certificates and passwords can be replaced while we run. Connections
// that are open go on as they began.
type Access struct {
	// TLS secures connections to loopback too. Naming a CA, a certificate or a server name implies it.
	TLS bool
	// Plaintext leaves TLS out even on the way to other machines: everything can be read and changed there.
	Plaintext bool
	// CAFile has the certificates, in PEM, of those whose signature under a broker's certificate we trust. Default: the
	// system's.
	CAFile string
	// CertFile and KeyFile are our certificate, with its chain, and its key, in PEM, for brokers that ask for one. The key
	// must not be encrypted.
	CertFile, KeyFile string
	// ServerName is the name that brokers' certificates must be for. Default: each broker's own host name.
	ServerName string

	// Mechanism of SASL, one of Mechanisms; empty: none. PLAIN shows the password to whoever can read the connection, so it
	// needs TLS, on loopback too.
	Mechanism string
	// User is who we are to SASL.
	User string
	// Password proves it.
	Password secret.Source
}

// Validate reports every problem at once, in the user's words. It reads the files, so that a mistake is seen at the start
// and not at the first connection.
func (a Access) Validate(brokers []string) error {
	var problems []error
	check := func(ok bool, text string) {
		if !ok {
			problems = append(problems, errors.New(text))
		}
	}
	check(!a.Plaintext || !a.wantsTLS(), "kafka-plaintext: is the opposite of kafka-tls, kafka-ca-file, kafka-cert-file, kafka-key-file and kafka-server-name")
	check((a.CertFile == "") == (a.KeyFile == ""), "kafka-cert-file, kafka-key-file: one needs the other")
	if a.Mechanism == "" {
		check(a.User == "" && !a.Password.Given(), "kafka-user, kafka-password-file: need kafka-sasl, one of "+strings.Join(Mechanisms(), ", "))
	} else {
		check(slices.Contains(Mechanisms(), a.Mechanism), "kafka-sasl: must be one of "+strings.Join(Mechanisms(), ", "))
		check(a.User != "", "kafka-user: required with kafka-sasl")
		check(a.Password.Given(), "kafka-password-file: required with kafka-sasl; or TRACETALLY_KAFKA_PASSWORD in the environment")
		check(a.Mechanism != Plain || a.secure(brokers), "kafka-sasl: PLAIN sends the password readable, so it needs TLS, on loopback too: "+
			"set kafka-tls, or use SCRAM-SHA-512")
	}
	if _, err := a.tlsConfig(""); err != nil {
		problems = append(problems, err)
	}
	if err := a.checkPassword(); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func (a Access) wantsTLS() bool {
	return a.TLS || a.CAFile != "" || a.CertFile != "" || a.KeyFile != "" || a.ServerName != ""
}

// secure tells whether connections speak TLS: all of them or none, so that one broker's address does not decide what
// another one is told.
func (a Access) secure(brokers []string) bool {
	if a.Plaintext {
		return false
	}
	return a.wantsTLS() || slices.ContainsFunc(brokers, func(b string) bool { return !loopbackName(b) })
}

// loopbackName tells whether an address, host:port, names this machine whatever a resolver says.
func loopbackName(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address // kafka-go adds the usual port
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// password reads the password; its errors say what to mend.
func (a Access) password() (string, error) {
	if a.Mechanism == "" {
		return "", nil
	}
	s, err := a.Password.Read()
	if err != nil {
		return "", fmt.Errorf("kafka-password-file: %w", err)
	}
	return s.Reveal(), nil
}

func (a Access) checkPassword() error {
	password, err := a.password()
	if err != nil || a.Mechanism == "" || password == "" {
		return err
	}
	if _, err := a.mechanism(password); err != nil {
		return fmt.Errorf("kafka-user, kafka-password-file: %w", err)
	}
	return nil
}

// readFile reads one of the files of TLS for setting.
func readFile(setting, path string) ([]byte, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return text, nil
}

// NewTransport is a transport for another user of kafka-go than Client, with the same access: for `tracetally produce`.
// Whoever closes its idle connections is done with it. Changes of what brokers say to us are logged.
func NewTransport(a Access, brokers []string, clientID string, log *slog.Logger) (*kafka.Transport, error) {
	if err := a.Validate(brokers); err != nil {
		return nil, fmt.Errorf("configure access to Kafka: %w", err)
	}
	conns := newConnections(newDoor(a, brokers, clientID, log))
	return &kafka.Transport{Dial: conns.dial, DialTimeout: dialTimeout, ClientID: clientID}, nil
}
