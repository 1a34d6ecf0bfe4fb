package alerts

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	// maxScrapes is how many /metrics may be answered at once: two Prometheus servers and a person.
	maxScrapes = 3
	// maxProbes is how many /readyz may be asked at once; each may cost a connection to the database.
	maxProbes = 4
	// readyLimit bounds one question whether the worker is ready.
	readyLimit = 5 * time.Second
)

// handler is the paths of the server.
func handler(cfg ServerConfig) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metricsHandler(cfg))
	mux.Handle("GET /healthz", text(http.StatusOK, "ok"))
	mux.Handle("GET /readyz", &readiness{ready: cfg.Ready, logger: cfg.Logger, slots: make(chan struct{}, maxProbes)})
	mux.Handle("GET /{$}", text(http.StatusOK, "tracetally: /metrics /healthz /readyz"))
	return mux
}

// metricsHandler answers with what could be gathered even if one collector is broken: half the metrics fire more alerts
// than none, and promhttp_metric_handler_errors_total tells.
func metricsHandler(cfg ServerConfig) http.Handler {
	return whole(promhttp.HandlerFor(cfg.Registry, promhttp.HandlerOpts{
		ErrorLog:            gatherLog{cfg.Logger},
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            cfg.Registry,
		MaxRequestsInFlight: maxScrapes,
		EnableOpenMetrics:   true, // the only way for exemplars
	}))
}

// whole lets only full gatherings through: one that shows a new series at 0 ends its wait (family), so the 0 has to
// arrive. Neither a HEAD nor promhttp's name[] filter may take it away.
func whole(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			return
		}
		unfiltered := r.Clone(r.Context())
		unfiltered.URL = &url.URL{Path: r.URL.Path}
		unfiltered.Form, unfiltered.PostForm = nil, nil
		h.ServeHTTP(w, unfiltered)
	})
}

// gatherLog passes promhttp's complaints on.
type gatherLog struct{ logger *slog.Logger }

// Println is what promhttp calls.
func (l gatherLog) Println(v ...any) {
	l.logger.Warn("metrics are incomplete", "err", fmt.Sprint(v...))
}

// readiness answers 200 or 503. Why the worker is not ready is in the log, once for each change, and not in the answer.
type readiness struct {
	ready  func(context.Context) error
	logger *slog.Logger
	slots  chan struct{}
	down   atomic.Bool
}

func (p *readiness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	default:
		text(http.StatusServiceUnavailable, "too many probes").ServeHTTP(w, r)
		return
	}
	if err := p.ask(r.Context()); err != nil {
		text(http.StatusServiceUnavailable, "not ready").ServeHTTP(w, r)
		return
	}
	text(http.StatusOK, "ready").ServeHTTP(w, r)
}

func (p *readiness) ask(ctx context.Context) error {
	if p.ready == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	err := p.ready(limited)
	if ctx.Err() != nil {
		return err // whoever asked is gone: that says nothing about us
	}
	if down := err != nil; p.down.Swap(down) != down {
		if down {
			p.logger.Warn("worker is not ready", "err", err)
		} else {
			p.logger.Info("worker is ready again")
		}
	}
	return err
}

func text(status int, line string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, line+"\n") // the client may be gone
	})
}
