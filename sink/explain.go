package sink

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// What pgx v5.12 says where it has no error value to compare with.
const (
	saysNoTLS = "server refused TLS connection"
	saysAuth  = "authentication method requirement"
)

// explain turns an error of a connection attempt into one line that says how to mend it; nil if there is nothing to add. The
// line names host and user, never the URL or the password.
func explain(err error) error {
	var attempt *pgconn.ConnectError
	if !errors.As(err, &attempt) {
		return nil
	}
	c := attempt.Config
	remedy := remedyFor(err, c.TLSConfig != nil && ofFile(c.TLSConfig.RootCAs))
	if remedy == "" {
		remedy = strings.Join(strings.Fields(err.Error()), " ") // several servers, several lines
	}
	return &explainedError{text: fmt.Sprintf("connect to %s:%d as %s: %s", c.Host, c.Port, c.User, remedy), err: err}
}

func remedyFor(err error, caGiven bool) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return describe(pg)
	}
	if remedy := remedyForTLS(err, caGiven); remedy != "" {
		return remedy
	}
	var dns *net.DNSError
	var dial *net.OpError
	switch {
	case errors.Is(err, ErrReadOnly):
		return "the server takes no writes (a standby, or default_transaction_read_only): name the primary, or all hosts, in postgres-url"
	case errors.As(err, &dns):
		return "the host name is not known: check postgres-url and the name server"
	case errors.As(err, &dial) && dial.Op == "dial":
		return "nothing answers there: check host and port, the server's listen_addresses and firewalls"
	case strings.Contains(err.Error(), saysAuth):
		return "the server does not ask for SCRAM, which keeps the password secret: set password_encryption = scram-sha-256, set the " +
			"password again and use scram-sha-256 in pg_hba.conf; or permit what it asks for with require_auth in postgres-url"
	}
	return ""
}

// remedyForTLS is of an attempt that trusts the CAs of a file, or those of the system.
func remedyForTLS(err error, caGiven bool) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &unknown) && caGiven:
		return "the server's certificate is not signed by the CA in the file of sslrootcert: put the certificate of its CA into that file, " +
			"or name another one in postgres-url"
	case errors.As(err, &unknown):
		return "the server's certificate is signed by an authority that is not trusted here: name its CA with sslrootcert=FILE in postgres-url"
	case errors.As(err, &name):
		return fmt.Sprintf("the server's certificate is not for %s but for %s: use that name as host, or give the server a certificate for this one",
			name.Host, few(namesOf(name.Certificate)))
	case errors.As(err, &invalid):
		return "the server's certificate is not valid (expired, not yet valid, or not for servers): renew it, or set the clock right"
	case strings.Contains(err.Error(), saysNoTLS), errors.As(err, &record):
		return "the server has no TLS: set ssl = on there; only where nobody can be on the way use sslmode=disable and --postgres-plaintext"
	}
	return ""
}

// ofFile tells whether CAs are those of a file: there are none without sslrootcert, and with sslrootcert=system the system's.
func ofFile(cas *x509.CertPool) bool {
	system, err := x509.SystemCertPool()
	return cas != nil && (err != nil || !cas.Equal(system))
}

func namesOf(c *x509.Certificate) []string {
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return []string{"no name at all (its subjectAltName is empty)"}
	}
	return names
}

// explainedError prints its line; errors.As still finds what happened.
type explainedError struct {
	text string
	err  error
}

func (e *explainedError) Error() string { return e.text }

func (e *explainedError) Unwrap() error { return e.err }
