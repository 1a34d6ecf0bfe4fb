// Package localpg starts a private PostgreSQL on a loopback port, for tests and for the demo. The server's data live in a
// temporary directory and go with it; it cannot outlive the process that started it (on Linux), and Ctrl-C at the
// terminal reaches only that process, which then decides.
//
// The programs come from this machine (initdb on PATH, else the newest under /usr/lib/postgresql), or else from
// github.com/fergusstrange/embedded-postgres, which downloads them once into a cache. PostgreSQL refuses to run as root:
// there it runs as the user nobody.
package localpg

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Config says how to start a server. The zero value is a server for tests.
type Config struct {
	// Settings are server settings beside the defaults, for example {"fsync": "on"}. The default is fsync=off: the data
	// end with the process, so a power cut has nothing to lose.
	Settings map[string]string
	// TLSNames turns TLS on: they are the host names and addresses in the server's certificate, which is made for it
	// together with the authority that signs it (CAFile). Without TLS nobody can connect then.
	TLSNames []string
	// Access replaces who may connect and how: lines of pg_hba.conf. The superuser may always, with SCRAM. Default: everyone
	// with SCRAM.
	Access []string
	// Embedded leaves the programs of this machine out and takes the downloaded ones. TRACETALLY_EMBEDDED_POSTGRES=1 in
	// the environment says the same.
	Embedded bool
	// CacheDir keeps downloaded programs; default: tracetally in the user's cache directory, as root /var/cache/tracetally,
	// because the user nobody must be able to read it.
	CacheDir string
	// Logger hears when the server is up and gone. Default: silence.
	Logger *slog.Logger
}

// Server is a running PostgreSQL.
type Server struct {
	bin      string
	who      owner
	settings map[string]string
	ca       *authority // nil without TLS
	dir      string
	port     int
	password string
	lock     *os.File
	proc     *process
	log      *slog.Logger
	closed   sync.Once
	closeErr error
}

// user is the superuser of the private server.
const user = "tracetally"

// startTimeout bounds initdb and the first start; a slow disk needs a few seconds.
const startTimeout = 60 * time.Second

// stopTimeout bounds a fast shutdown, after which the server is killed: its data are thrown away anyway.
const stopTimeout = 15 * time.Second

// Start makes a database cluster in a new directory and starts a server on it. The server answers when Start returns.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	log := cfg.Logger
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	bin, err := findPrograms(cfg)
	if err != nil {
		return nil, fmt.Errorf("find the programs of PostgreSQL: %w", err)
	}
	sweep(os.TempDir(), sweepAge)
	s := &Server{bin: bin, settings: cfg.Settings, log: log, password: randomPassword()}
	if s.dir, s.lock, err = newDir(); err != nil {
		return nil, fmt.Errorf("make a directory for PostgreSQL: %w", err)
	}
	if err := s.start(ctx, cfg); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	log.Info("postgres started", "dir", s.dir, "port", s.port)
	return s, nil
}

func (s *Server) start(ctx context.Context, cfg Config) (err error) {
	if s.who, err = unprivileged(); err != nil {
		return fmt.Errorf("find a user for PostgreSQL: %w", err)
	}
	if err := s.initCluster(ctx); err != nil {
		return fmt.Errorf("init the cluster: %w", err)
	}
	secure, err := s.secure(cfg)
	if err != nil {
		return fmt.Errorf("say who may connect: %w", err)
	}
	maps.Copy(secure, s.settings)
	s.settings = secure
	return s.listen(ctx)
}

// Crash kills the server as kill -9 does and starts it again on the same port; it answers when Crash returns. It is for
// tests, and no other method may run meanwhile.
func (s *Server) Crash(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s.proc.signal(os.Kill)
	<-s.proc.done
	for {
		// The killed server's children end on their own; until the last one has, a new server refuses their memory.
		err := s.serve(ctx)
		if !errors.Is(err, errEnded) || ctx.Err() != nil {
			return err
		}
	}
}

// URL is how the superuser reaches database db ("postgres" is there from the start). It holds the password: never print it.
func (s *Server) URL(db string) string { return s.urlOf(user, s.password, db) }

func (s *Server) urlOf(name, password, db string) string {
	query := url.Values{"sslmode": {"disable"}}
	if s.ca != nil {
		query = url.Values{"sslmode": {"verify-ca"}, "sslrootcert": {s.ca.file}}
	}
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(name, password),
		Host:     "127.0.0.1:" + strconv.Itoa(s.port),
		Path:     "/" + db,
		RawQuery: query.Encode(),
	}
	return u.String()
}

// Pid is the process id of the server, for tests that kill it.
func (s *Server) Pid() int { return s.proc.pid() }

// Close stops the server, waits for it and removes its directory. It may be called more than once.
func (s *Server) Close() error {
	s.closed.Do(func() {
		if s.proc != nil {
			s.proc.signal(syscall.SIGINT) // fast shutdown: open sessions are ended
			s.proc.waitOrKill(stopTimeout)
		}
		s.closeErr = os.RemoveAll(s.dir)
		if s.lock != nil {
			s.closeErr = errors.Join(s.closeErr, s.lock.Close())
		}
		s.log.Info("postgres stopped", "dir", s.dir)
	})
	return s.closeErr
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }
