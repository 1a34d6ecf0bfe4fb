package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tracetally/tracetally/internal/secret"
)

// access is how a login reaches PostgreSQL: what Config says about it.
type access struct {
	url       secret.Secret
	password  secret.Source
	plaintext bool
}

func (c Config) access() access {
	return access{url: c.URL, password: c.Password, plaintext: c.Plaintext}
}

// errURL never quotes the URL: it holds a password, and what pgx cannot parse may be one.
var errURL = errors.New("postgres-url: it is no valid connection string, or names a file that cannot be read (sslrootcert, sslcert, sslkey)")

// validate says what can be known to be wrong before a connection is tried.
func (a access) validate() error {
	if a.url.Empty() {
		return errors.New("postgres-url: must be set")
	}
	_, urlErr := a.poolConfig()
	_, err := a.readPassword()
	return errors.Join(urlErr, err)
}

// poolConfig reads a URL and adds to what it says. To a server elsewhere than on this machine: sslmode is verify-full unless
// stated, what is stated must prove who the server is unless plaintext permits otherwise, and a password is given to SCRAM
// only (require_auth), which does not show it to a server that does not know it.
func (a access) poolConfig() (*pgxpool.Config, error) {
	text := a.url.Reveal()
	pc, err := pgxpool.ParseConfig(text)
	if err != nil {
		return nil, errURL
	}
	if remote(pc.ConnConfig) && !stated(text) {
		if pc, err = pgxpool.ParseConfig(withVerifyFull(text)); err != nil {
			return nil, errURL
		}
	}
	cfg := pc.ConnConfig
	if host := unproven(cfg); host != "" && !a.plaintext {
		return nil, fmt.Errorf("postgres-url: sslmode does not prove that %s is the server that is meant: use verify-full (the default) "+
			"with sslrootcert=FILE of its CA, or permit it with --postgres-plaintext", host)
	}
	if remote(cfg) && cfg.RequireAuth == "" && (cfg.Password != "" || a.password.Given()) {
		cfg.RequireAuth = "scram-sha-256"
	}
	for _, e := range endpoints(cfg) {
		if e.tls != nil {
			e.tls.MinVersion = tls.VersionTLS12
		}
	}
	cfg.ValidateConnect = writable
	pc.BeforeConnect = a.withPassword
	return pc, nil
}

// connConfig is the same for one connection that no pool makes.
func (a access) connConfig(ctx context.Context) (*pgx.ConnConfig, error) {
	pc, err := a.poolConfig()
	if err != nil {
		return nil, err
	}
	return pc.ConnConfig, a.withPassword(ctx, pc.ConnConfig)
}

// withPassword puts the password as it is now into the settings of one connection.
func (a access) withPassword(_ context.Context, cfg *pgx.ConnConfig) error {
	if !a.password.Given() {
		return nil
	}
	password, err := a.readPassword()
	cfg.Password = password.Reveal()
	return err
}

func (a access) readPassword() (secret.Secret, error) {
	password, err := a.password.Read()
	if err != nil {
		return password, fmt.Errorf("postgres-password-file: %w", err)
	}
	return password, nil
}

// writable refuses a server that takes no writes, so that of several hosts the one that does is found.
func writable(ctx context.Context, conn *pgconn.PgConn) error {
	if err := pgconn.ValidateConnectTargetSessionAttrsReadWrite(ctx, conn); err != nil {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	return nil
}

// endpoint is one of the servers that a URL names, and how it is spoken to.
type endpoint struct {
	host string
	tls  *tls.Config
}

func endpoints(cfg *pgx.ConnConfig) []endpoint {
	all := []endpoint{{cfg.Host, cfg.TLSConfig}}
	for _, f := range cfg.Fallbacks {
		all = append(all, endpoint{f.Host, f.TLSConfig})
	}
	return all
}

// remote tells whether a host of the URL is not this machine.
func remote(cfg *pgx.ConnConfig) bool {
	return slices.ContainsFunc(endpoints(cfg), func(e endpoint) bool { return !local(e.host) })
}

// unproven is a host that would be spoken to without knowing that it is the one that is meant: in the clear, or without a
// look at its certificate's issuer.
func unproven(cfg *pgx.ConnConfig) string {
	for _, e := range endpoints(cfg) {
		blind := e.tls == nil || e.tls.InsecureSkipVerify && e.tls.VerifyPeerCertificate == nil
		if blind && !local(e.host) {
			return e.host
		}
	}
	return ""
}

// local tells whether a host is this machine: a Unix socket, localhost, or a loopback address.
func local(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
}

// stated tells whether someone chose an sslmode: in the URL, the environment, or a service file, which may hold one.
func stated(text string) bool {
	if os.Getenv("PGSSLMODE") != "" || os.Getenv("PGSERVICE") != "" {
		return true
	}
	if !isURL(text) {
		return strings.Contains(text, "sslmode") || strings.Contains(text, "service")
	}
	_, query, _ := strings.Cut(text, "?")
	q, err := url.ParseQuery(query)
	return err == nil && (q.Has("sslmode") || q.Has("ssl") || q.Has("service"))
}

func isURL(text string) bool {
	return strings.HasPrefix(text, "postgres://") || strings.HasPrefix(text, "postgresql://")
}

// withVerifyFull adds the sslmode in the form that the text has.
func withVerifyFull(text string) string {
	switch {
	case !isURL(text):
		return text + " sslmode=verify-full"
	case strings.Contains(text, "?"):
		return text + "&sslmode=verify-full"
	}
	return text + "?sslmode=verify-full"
}
