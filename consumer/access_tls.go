package consumer

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// tlsConfig reads the files. Its errors name the setting and the file, never what is in it.
func (a Access) tlsConfig(host string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if a.ServerName != "" {
		cfg.ServerName = a.ServerName
	}
	var caErr, certErr error
	if a.CAFile != "" {
		cfg.RootCAs, caErr = readCAs(a.CAFile)
	}
	if a.CertFile != "" && a.KeyFile != "" {
		cfg.Certificates, certErr = readCertificate(a.CertFile, a.KeyFile)
	}
	return cfg, errors.Join(caErr, certErr)
}

func readCAs(path string) (*x509.CertPool, error) {
	text, err := readFile("kafka-ca-file", path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("kafka-ca-file: %s has no certificate in PEM (-----BEGIN CERTIFICATE-----)", path)
	}
	return pool, nil
}

func readCertificate(certPath, keyPath string) ([]tls.Certificate, error) {
	cert, certErr := readFile("kafka-cert-file", certPath)
	key, keyErr := readFile("kafka-key-file", keyPath)
	if err := errors.Join(certErr, keyErr); err != nil {
		return nil, err
	}
	if block, _ := pem.Decode(key); block != nil && (block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "") {
		return nil, fmt.Errorf("kafka-key-file: the key in %s is encrypted: decrypt it (openssl pkey) into a file that only we can read", keyPath)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("kafka-cert-file, kafka-key-file: %s and %s are not a certificate in PEM and its key: %w", certPath, keyPath, err)
	}
	return []tls.Certificate{pair}, nil
}

// handshake makes a connection to address secure.
func (d *door) handshake(ctx context.Context, nc net.Conn, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("read address %q: %w", address, err)
	}
	cfg, err := d.access.tlsConfig(host)
	if err != nil {
		return nil, &AccessError{Where: address, Problem: "TLS cannot be set up", Mend: "mend the file", Err: err}
	}
	secure := tls.Client(nc, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, d.explainTLS(address, cfg.ServerName, err)
	}
	return secure, nil
}

// explainTLS says what is wrong with a handshake, as an AccessError where that is known.
func (d *door) explainTLS(address, name string, err error) error {
	refused := func(problem, mend string) error {
		return &AccessError{Where: address, Problem: problem, Mend: mend, Err: err}
	}
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		timeout   net.Error
	)
	switch {
	case errors.As(err, &authority):
		return refused("its certificate is signed by nobody we trust", d.access.trust())
	case errors.As(err, &hostname):
		return refused("its certificate is not for "+name, "put that name into the certificate, or a name that is in it into kafka-server-name or the broker's advertised.listeners")
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return refused("its certificate "+validity(invalid.Cert, time.Now()), "renew it, or set this machine's clock")
	case errors.As(err, &verify):
		return refused("its certificate is not good", "replace it, or "+d.access.trust())
	case errors.As(err, &record):
		return refused("it does not speak TLS on this port", "use the port of its SSL or SASL_SSL listener; or kafka-plaintext, if everyone on the way may read along")
	case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout():
		return refused("it does not answer when spoken to in TLS", "use the port of its SSL or SASL_SSL listener; this one may be without TLS")
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET):
		return refused("it hangs up when spoken to in TLS", "use the port of its SSL or SASL_SSL listener; if this is one, see the broker's log")
	}
	if alert := d.explainAlert(address, err); alert != nil {
		return alert
	}
	return fmt.Errorf("handshake with %s: %w", address, err)
}

// trust is how to make a broker's certificate one that we trust.
func (a Access) trust() string {
	if a.CAFile == "" {
		return "give the certificate of its CA as kafka-ca-file (now the system's are trusted)"
	}
	return fmt.Sprintf("put the certificate of its CA into %s (kafka-ca-file), which has another", a.CAFile)
}

func validity(cert *x509.Certificate, now time.Time) string {
	if now.Before(cert.NotBefore) {
		return "is not valid before " + cert.NotBefore.UTC().Format(time.RFC3339)
	}
	return "has expired at " + cert.NotAfter.UTC().Format(time.RFC3339)
}

// Alerts of TLS by which a peer says what it thinks of our certificate: RFC 8446, section 6, and RFC 5246, section 7.2.
const (
	alertHandshakeFailure       = 40
	alertBadCertificate         = 42
	alertUnsupportedCertificate = 43
	alertCertificateRevoked     = 44
	alertCertificateExpired     = 45
	alertCertificateUnknown     = 46
	alertUnknownCA              = 48
	alertAccessDenied           = 49
	alertProtocolVersion        = 70
	alertCertificateRequired    = 116
)

// explainAlert is nil if err is no alert of the peer that concerns access. In TLS 1.3 what a broker thinks of our
// certificate comes after the handshake, with the first answer.
func (d *door) explainAlert(address string, err error) error {
	alert := alertOf(err)
	certificate := fmt.Sprintf("let its truststore have the CA of %s (kafka-cert-file)", d.access.CertFile)
	if d.access.CertFile == "" {
		certificate = "give one with kafka-cert-file and kafka-key-file"
	}
	refused := func(problem, mend string) error {
		return &AccessError{Where: address, Problem: problem, Mend: mend, Err: err}
	}
	switch alert {
	case alertCertificateRequired:
		if d.access.CertFile != "" { // it is not sent to a broker whose list of CAs does not have ours
			return refused("it refuses our certificate, which no CA that it knows has signed", certificate)
		}
		return refused("it wants a certificate of ours", certificate)
	case alertCertificateExpired:
		return refused("it finds our certificate expired", "renew "+d.access.CertFile+" (kafka-cert-file)")
	case alertHandshakeFailure, alertBadCertificate, alertUnsupportedCertificate, alertCertificateRevoked, alertCertificateUnknown,
		alertUnknownCA, alertAccessDenied:
		if d.access.CertFile == "" {
			return refused("it refuses us, perhaps for want of a certificate of ours", certificate)
		}
		return refused("it refuses our certificate", certificate)
	case alertProtocolVersion:
		return refused("it has no version of TLS in common with us", "let it speak TLS 1.2 or 1.3 (ssl.enabled.protocols)")
	}
	return nil
}

// alertOf is the number of the alert that a peer sent, or 0. crypto/tls keeps its type to itself and shows it as the cause
// of a "remote error"; as a decimal it is the number.
func alertOf(err error) (alert int) {
	var remote *net.OpError
	if !errors.As(err, &remote) || remote.Op != "remote error" {
		return 0
	}
	_, _ = fmt.Sscan(fmt.Sprintf("%d", remote.Err), &alert)
	return alert
}

// looksLikeTLS tells whether bytes are the head of a TLS record (an alert or a handshake), which as Kafka's answer would be
// one of 352 MB or more.
func looksLikeTLS(b []byte) bool {
	return len(b) >= 2 && (b[0] == 21 || b[0] == 22) && bytes.HasPrefix(b[1:], []byte{3})
}
