package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	// maxProbes is how many /readyz may be asked at once; each may cost a connection to the database.
	maxProbes = 4
	// readyLimit bounds one question whether the worker is ready.
	readyLimit = 5 * time.Second
)

// Missing is one thing that a worker lacks to do its work.
type Missing struct {
	// What names it, such as "group joined". It is in the answer to whoever asks, so it is one of a closed set of the
	// caller's and holds no address, user or error text.
	What string
	// Err says why it is missing. It goes to the log only.
	Err error
}

// readiness answers 200, or 503 and what is missing, one line each. Why it is missing is in the log, once for each change.
type readiness struct {
	ready  func(context.Context) []Missing
	logger *slog.Logger
	slots  chan struct{}

	mu   sync.Mutex
	last string // what was missing when it was last asked
}

func newReadiness(cfg ServerConfig) *readiness {
	return &readiness{ready: cfg.Ready, logger: cfg.Logger, slots: make(chan struct{}, maxProbes)}
}

func (p *readiness) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	default:
		text(http.StatusServiceUnavailable, "too many probes").ServeHTTP(w, r)
		return
	}
	if missing := p.ask(r.Context()); missing != "" {
		text(http.StatusServiceUnavailable, "not ready"+missing).ServeHTTP(w, r)
		return
	}
	text(http.StatusOK, "ready").ServeHTTP(w, r)
}

// ask says what is missing, each on a line of its own, and nothing when the worker is ready.
func (p *readiness) ask(ctx context.Context) string {
	if p.ready == nil {
		return ""
	}
	limited, cancel := context.WithTimeout(ctx, readyLimit)
	defer cancel()
	var missing strings.Builder
	var errs []error
	for _, m := range p.ready(limited) {
		missing.WriteString("\nmissing: " + m.What)
		errs = append(errs, fmt.Errorf("%s: %w", m.What, m.Err))
	}
	if ctx.Err() == nil { // else whoever asked is gone: that says nothing about us
		p.note(missing.String(), errors.Join(errs...))
	}
	return missing.String()
}

// note logs a change.
func (p *readiness) note(missing string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if missing == p.last {
		return
	}
	p.last = missing
	if missing == "" {
		p.logger.Info("worker is ready again")
		return
	}
	p.logger.Warn("worker is not ready", "err", err)
}
