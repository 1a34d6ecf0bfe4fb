package kafkatest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// CA signs certificates for tests. It is made in process and its key is never written.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// Leaf says what a certificate is for. The zero value is a server's for 127.0.0.1 and localhost, valid now.
type Leaf struct {
	// Name is the common name. Default "kafkatest".
	Name string
	// Hosts are the names and addresses that it is for. Default 127.0.0.1 and localhost.
	Hosts []string
	// NotBefore and NotAfter bound its life. Default: from an hour ago to an hour from now.
	NotBefore, NotAfter time.Time
}

// NewCA makes one.
func NewCA(name string) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("sign a CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read a CA: %w", err)
	}
	return &CA{cert: cert, key: key, pem: encodePEM("CERTIFICATE", der)}, nil
}

// PEM is the CA's certificate.
func (ca *CA) PEM() []byte { return ca.pem }

// Pool trusts this CA and nobody else.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// Issue makes a key and signs a certificate for it, both in PEM, good for servers and clients alike.
func (ca *CA) Issue(leaf Leaf) (cert, key []byte, err error) {
	if leaf.Name == "" {
		leaf.Name = "kafkatest"
	}
	if leaf.Hosts == nil {
		leaf.Hosts = []string{"127.0.0.1", "localhost"}
	}
	if leaf.NotBefore.IsZero() {
		leaf.NotBefore = time.Now().Add(-time.Hour)
	}
	if leaf.NotAfter.IsZero() {
		leaf.NotAfter = time.Now().Add(time.Hour)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: leaf.Name},
		NotBefore: leaf.NotBefore, NotAfter: leaf.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, host := range leaf.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, ca.cert, &private.PublicKey, ca.key)
	if err != nil {
		return nil, nil, fmt.Errorf("sign a certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, fmt.Errorf("encode a key: %w", err)
	}
	return encodePEM("CERTIFICATE", der), encodePEM("PRIVATE KEY", pkcs8), nil
}

// Server is the configuration of a server with a certificate of this CA.
func (ca *CA) Server(leaf Leaf) (*tls.Config, error) {
	cert, key, err := ca.Issue(leaf)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("read a certificate: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// Files writes the CA, a certificate and its key into dir, under names that begin with prefix.
func (ca *CA) Files(dir, prefix string, leaf Leaf) (caFile, certFile, keyFile string, err error) {
	cert, key, err := ca.Issue(leaf)
	if err != nil {
		return "", "", "", err
	}
	paths := make([]string, 0, 3)
	for name, text := range map[string][]byte{"ca.pem": ca.pem, "cert.pem": cert, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, prefix+name), text, 0o600); err != nil {
			return "", "", "", fmt.Errorf("write certificates: %w", err)
		}
	}
	for _, name := range []string{"ca.pem", "cert.pem", "key.pem"} {
		paths = append(paths, filepath.Join(dir, prefix+name))
	}
	return paths[0], paths[1], paths[2], nil
}

func encodePEM(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
