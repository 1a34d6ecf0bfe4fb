package localpg

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
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

// authority signs the server's certificate and those of clients. It lives as long as the server.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // the certificate, in PEM
}

// certLife is longer than any test or demo runs.
const certLife = 7 * 24 * time.Hour

func newAuthority(dir string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &authority{key: key, file: filepath.Join(dir, "ca.crt"), cert: template("tracetally test authority")}
	a.cert.IsCA, a.cert.BasicConstraintsValid, a.cert.KeyUsage = true, true, x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return a, writePEM(a.file, "CERTIFICATE", der, 0o644)
}

func template(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(certLife),
	}
}

// issue writes a certificate and its key into dir, as name.crt and name.key. hosts make it a server's, none a client's.
func (a *authority) issue(dir, name string, hosts []string) (certFile, keyFile string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	cert := template(name)
	cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	for _, host := range hosts {
		cert.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if ip := net.ParseIP(host); ip != nil {
			cert.IPAddresses = append(cert.IPAddresses, ip)
		} else {
			cert.DNSNames = append(cert.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return "", "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", err
	}
	certFile, keyFile = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
	if err := writePEM(certFile, "CERTIFICATE", der, 0o644); err != nil {
		return "", "", err
	}
	return certFile, keyFile, writePEM(keyFile, "PRIVATE KEY", private, 0o600)
}

func writePEM(path, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}

// CAFile is the certificate that signed the server's, for sslrootcert; empty without TLS.
func (s *Server) CAFile() string {
	if s.ca == nil {
		return ""
	}
	return s.ca.file
}

// ClientCert makes a certificate with which a user logs in where Access says cert, for sslcert and sslkey. It is in dir.
func (s *Server) ClientCert(dir, user string) (certFile, keyFile string, err error) {
	return s.ca.issue(dir, user, nil)
}

// secure writes what the server needs for TLS and who may connect, and returns the settings for it.
func (s *Server) secure(cfg Config) (map[string]string, error) {
	settings := map[string]string{}
	kind := "host"
	if len(cfg.TLSNames) > 0 {
		kind = "hostssl"
		var err error
		if s.ca, err = newAuthority(s.dir); err != nil {
			return nil, fmt.Errorf("make an authority: %w", err)
		}
		cert, key, err := s.ca.issue(s.dir, "server", cfg.TLSNames)
		if err != nil {
			return nil, fmt.Errorf("make the server's certificate: %w", err)
		}
		if err := s.who.own(key); err != nil {
			return nil, err
		}
		settings = map[string]string{"ssl": "on", "ssl_ca_file": s.ca.file, "ssl_cert_file": cert, "ssl_key_file": key}
	}
	access := cfg.Access
	if access == nil {
		access = []string{kind + " all all 127.0.0.1/32 scram-sha-256"}
	}
	hba := fmt.Sprintf("%s all %s 127.0.0.1/32 scram-sha-256\n", kind, user)
	for _, line := range access {
		hba += line + "\n"
	}
	return settings, os.WriteFile(filepath.Join(s.data(), "pg_hba.conf"), []byte(hba), 0o600)
}
