package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// DefaultAddr is where metrics are served unless told otherwise: on loopback, for they name models and environments.
const DefaultAddr = "127.0.0.1:9464"

// ErrNotLoopback is what NewServer answers to an address that other machines could reach.
var ErrNotLoopback = errors.New("address is not loopback, so other machines could read what is served: --listen-remote permits it, " +
	"for a network that keeps others out")

// ServerConfig says what a Server serves, and where.
type ServerConfig struct {
	// Addr is host:port; port 0 takes a free one. Default DefaultAddr.
	Addr string
	// AllowRemote permits an address that is not loopback. Nothing is encrypted and nobody is asked for a password: it is
	// for networks that keep others out, such as that of a pod.
	AllowRemote bool
	// Registry is gathered for /metrics and takes the handler's own counter of errors.
	Registry *prometheus.Registry
	// Metrics, when set, shows each who scrapes a new series at 0 first; it is registered with Registry.
	Metrics *Metrics
	// Ready says what the worker lacks to do its work; nothing means that it is ready. It is asked at each request to
	// /readyz and must honour its context, which ends after 5 s. nil means always ready.
	Ready func(context.Context) []Missing
	// Logger hears of the server; nil means slog.Default().
	Logger *slog.Logger
}

// Server serves /metrics, /healthz and /readyz.
type Server struct {
	http     *http.Server
	listener net.Listener
	logger   *slog.Logger
}

// NewServer listens at once, so that a port in use is known before anything else starts. Run or Close must follow.
func NewServer(cfg ServerConfig) (*Server, error) {
	if cfg.Addr == "" {
		cfg.Addr = DefaultAddr
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Registry == nil {
		return nil, errors.New("serve metrics: a registry is missing")
	}
	l, err := listen(cfg.Addr, cfg.AllowRemote)
	if err != nil {
		return nil, fmt.Errorf("serve metrics on %s: %w", cfg.Addr, err)
	}
	return &Server{listener: l, logger: cfg.Logger, http: &http.Server{
		Handler:           handler(cfg),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute, // a slow scraper may not hold a connection for ever
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelDebug),
	}}, nil
}

// Addr is where the server listens, with the port that it got.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close stops listening, for a server that never ran.
func (s *Server) Close() error { return s.listener.Close() }

// Run serves until ctx ends, then lets requests in hand finish for up to 5 s. It returns nil when ctx ended it.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	s.logger.Info("metrics served", "addr", s.Addr())
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("serve metrics: %w", err), s.http.Close())
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := s.http.Shutdown(grace)
	if err != nil {
		err = errors.Join(fmt.Errorf("stop serving metrics: %w", err), s.http.Close())
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, fmt.Errorf("serve metrics: %w", ended))
	}
	return err
}

// CheckAddr tells what is wrong with an address before anything listens: it must be host:port, and loopback unless remote.
func CheckAddr(addr string, remote bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if !remote && host != "localhost" && !loopback(host) {
		return ErrNotLoopback
	}
	return nil
}

// listen refuses what is not loopback before it listens, and again by the address that a name turned out to mean.
func listen(addr string, remote bool) (net.Listener, error) {
	if err := CheckAddr(addr, remote); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	if bound, _, err := net.SplitHostPort(l.Addr().String()); !remote && (err != nil || !loopback(bound)) {
		return nil, errors.Join(ErrNotLoopback, l.Close())
	}
	return l, nil
}

// loopback tells whether the host is an IP address that only this machine reaches. An empty one means every interface.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
