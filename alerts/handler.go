package alerts

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxScrapes is how many /metrics may be answered at once: two Prometheus servers and a person.
const maxScrapes = 3

// handler is the paths of the server.
func handler(cfg ServerConfig) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metricsHandler(cfg))
	mux.Handle("GET /healthz", text(http.StatusOK, "ok"))
	mux.Handle("GET /readyz", newReadiness(cfg))
	mux.Handle("GET /{$}", text(http.StatusOK, "tracetally: /metrics /healthz /readyz"))
	return mux
}

// metricsHandler answers with what could be gathered even if one collector is broken: half the metrics fire more alerts
// than none, and promhttp_metric_handler_errors_total tells.
func metricsHandler(cfg ServerConfig) http.Handler {
	opts := promhttp.HandlerOpts{
		ErrorLog:          gatherLog{cfg.Logger},
		ErrorHandling:     promhttp.ContinueOnError,
		Registry:          cfg.Registry,
		EnableOpenMetrics: true, // the only way for exemplars
	}
	all := promhttp.HandlerFor(cfg.Registry, opts) // registers its counter, too
	slots := make(chan struct{}, maxScrapes)
	return whole(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			text(http.StatusServiceUnavailable, "too many scrapes").ServeHTTP(w, r)
			return
		}
		h := all
		if cfg.Metrics != nil {
			h = promhttp.HandlerFor(cfg.Metrics.As(scraper(r), cfg.Registry), opts)
		}
		h.ServeHTTP(w, r)
	}))
}

// scraper names who scrapes by its address and program: two Prometheus servers run on two machines or in two pods, and a
// person's curl is no Prometheus.
func scraper(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	program := r.UserAgent()
	return host + " " + program[:min(len(program), 100)]
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

func text(status int, line string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, line+"\n") //nolint:gosec // plain text of ours; the client may be gone
	})
}
