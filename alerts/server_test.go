package alerts

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// serve runs a server until the test ends and checks that it ends well.
func serve(t *testing.T, cfg ServerConfig) string {
	t.Helper()
	cfg.Addr = "127.0.0.1:0"
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := NewServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return s.Addr()
}

func TestAScrapeSeesZeroFirstThenWhatWasCommitted(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	addr := serve(t, ServerConfig{Registry: reg})
	scrapes := []map[string]float64{scrape(t, addr)}
	commit(m, failed(c), call(c))
	for range 2 {
		scrapes = append(scrapes, scrape(t, addr))
	}
	want(t, scrapes[1], map[string]float64{"llm_calls_total" + gpt: 0, gptCall: 0})
	want(t, scrapes[2], map[string]float64{"llm_calls_total" + gpt: 2, gptCall: 1})
	if n := increase(scrapes, gptCall); n != 1 {
		t.Errorf("increase of the failure = %v, want 1", n)
	}
}

func TestAnAnswerWithoutTheZeroDoesNotTakeItAway(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	addr := serve(t, ServerConfig{Registry: reg})
	commit(m, call(c))
	if status, body := fetch(t, http.MethodHead, "http://"+addr+"/metrics", ""); status != http.StatusOK || body != "" {
		t.Errorf("HEAD = %d %q", status, body)
	}
	want(t, scrape(t, addr), map[string]float64{"llm_calls_total" + gpt: 0})
	commit(m, ofModel(call(c), "next"))
	_, body := fetch(t, http.MethodGet, "http://"+addr+"/metrics?name[]=go_info", "")
	if !strings.Contains(body, `model="next"`) {
		t.Error("a filter hid a series whose wait it ended")
	}
}

// broken is a collector whose metric cannot be read.
type broken struct{ desc *prometheus.Desc }

func (b broken) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }
func (b broken) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(b.desc, errors.New("cannot be read"))
}

func TestABrokenCollectorHidesNoOtherMetric(t *testing.T) {
	c := newClock()
	_, reg := newTest(t, c)
	reg.MustRegister(broken{prometheus.NewDesc("broken", "Broken.", nil, nil)})
	var log bytes.Buffer
	addr := serve(t, ServerConfig{Registry: reg, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	scrape(t, addr) // demands 200
	want(t, scrape(t, addr), map[string]float64{
		`promhttp_metric_handler_errors_total{cause="gathering"}`: 1, "tracetally_fenced_batches_total{}": 0,
	})
}

func TestExemplarsAreServedToWhoAsksForOpenMetrics(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	addr := serve(t, ServerConfig{Registry: reg})
	e := failed(c)
	commit(m, e)
	scrape(t, addr)
	_, body := fetch(t, http.MethodGet, "http://"+addr+"/metrics", "application/openmetrics-text; version=1.0.0")
	if !hasLine(body, "llm_errors_total{", `# {trace_id="`+e.TraceID+`"} 1.0`) {
		t.Error("no exemplar")
	}
}

// gate holds a gathering until it is opened.
type gate struct {
	broken
	entered chan<- struct{}
	open    <-chan struct{}
}

func (g gate) Collect(chan<- prometheus.Metric) {
	g.entered <- struct{}{}
	<-g.open
}

func TestScrapesBeyondTheLimitAreTurnedAway(t *testing.T) {
	entered, open := make(chan struct{}, maxScrapes), make(chan struct{})
	reg := prometheus.NewRegistry()
	reg.MustRegister(gate{broken{prometheus.NewDesc("slow", "Slow.", nil, nil)}, entered, open})
	addr := serve(t, ServerConfig{Registry: reg})
	var slow sync.WaitGroup
	for range maxScrapes {
		slow.Go(func() { fetch(t, http.MethodGet, "http://"+addr+"/metrics", "") })
	}
	for range maxScrapes {
		<-entered
	}
	status, _ := fetch(t, http.MethodGet, "http://"+addr+"/metrics", "")
	close(open)
	slow.Wait()
	if status != http.StatusServiceUnavailable {
		t.Errorf("one scrape too many answers %d, want 503", status)
	}
}

func TestReadyzNamesWhatIsMissingAndKeepsTheReasonToTheLog(t *testing.T) {
	var missing []Missing
	var log bytes.Buffer
	addr := serve(t, ServerConfig{
		Registry: prometheus.NewRegistry(), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Ready: func(context.Context) []Missing { return missing },
	})
	schema := Missing{"schema matches", errors.New("found 5, need 6")}
	group := Missing{"group joined", errors.New("CANARY of sasl")}
	for range 2 {
		for _, step := range []struct {
			missing []Missing
			status  int
			body    string
		}{
			{nil, 200, "ready\n"},
			{[]Missing{schema}, 503, "not ready\nmissing: schema matches\n"},
			{[]Missing{schema}, 503, "not ready\nmissing: schema matches\n"},
			{[]Missing{schema, group}, 503, "not ready\nmissing: schema matches\nmissing: group joined\n"},
		} {
			missing = step.missing
			if status, body := fetch(t, http.MethodGet, "http://"+addr+"/readyz", ""); status != step.status || body != step.body {
				t.Errorf("/readyz with %v = %d %q, want %d %q", step.missing, status, body, step.status, step.body)
			}
		}
	}
	if changes, reasons := strings.Count(log.String(), "found 5, need 6"), strings.Count(log.String(), "CANARY"); changes != 4 || reasons != 2 {
		t.Errorf("%d and %d log lines name the reasons, want one for each change, 4 and 2: %s", changes, reasons, log.String())
	}
}

func TestHealthzAnswersWhileTheWorkerIsNotReady(t *testing.T) {
	addr := serve(t, ServerConfig{Registry: prometheus.NewRegistry(), Ready: func(context.Context) []Missing {
		return []Missing{{"all", errors.New("no")}}
	}})
	for path, want := range map[string]int{"/healthz": 200, "/": 200, "/debug/pprof/": 404, "/nothing": 404} {
		if got, _ := fetch(t, http.MethodGet, "http://"+addr+path, ""); got != want {
			t.Errorf("GET %s = %d, want %d", path, got, want)
		}
	}
	if got, _ := fetch(t, http.MethodPost, "http://"+addr+"/metrics", ""); got != http.StatusMethodNotAllowed {
		t.Errorf("POST /metrics = %d, want 405", got)
	}
}

func TestOnlyLoopbackIsServedUnlessAsked(t *testing.T) {
	for addr, refused := range map[string]bool{
		"127.0.0.1:0": false, "127.8.9.1:0": false, "localhost:0": false, "[::ffff:127.0.0.1]:0": false,
		"0.0.0.0:0": true, ":0": true, "[::]:0": true, "192.0.2.1:0": true, "metrics.invalid:0": true,
	} {
		s, err := NewServer(ServerConfig{Addr: addr, Registry: prometheus.NewRegistry()})
		if errors.Is(err, ErrNotLoopback) != refused || (err == nil) == refused {
			t.Errorf("NewServer(%s) = %v, want refused: %v", addr, err, refused)
		}
		if s != nil {
			s.Close()
		}
	}
	s, err := NewServer(ServerConfig{Addr: ":0", AllowRemote: true, Registry: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestAPortInUseIsKnownAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := NewServer(ServerConfig{Addr: l.Addr().String(), Registry: prometheus.NewRegistry()}); err == nil {
		t.Error("a second listener on one port")
	}
	if _, err := NewServer(ServerConfig{}); err == nil {
		t.Error("a server without a registry")
	}
}

func TestAListenerThatBreaksEndsRunWithItsError(t *testing.T) {
	s, err := NewServer(ServerConfig{Addr: "127.0.0.1:0", Registry: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := s.Run(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run = %v, want %v", err, net.ErrClosed)
	}
}

func TestManyMayCountAndScrapeAtOnce(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	addr := serve(t, ServerConfig{Registry: reg})
	var all sync.WaitGroup
	const workers, rounds = 4, 25
	for range workers {
		all.Go(func() {
			for range rounds {
				commit(m, failed(c), call(c), exception(c))
				p := m.Partition("llm_events", 0)
				p.Fetched(2)
				p.Committed(1, c.now())
				p.Delete()
			}
		})
	}
	for range 3 {
		scrape(t, addr)
	}
	all.Wait()
	scrape(t, addr)
	want(t, scrape(t, addr), map[string]float64{"llm_calls_total" + gpt: 2 * workers * rounds, gptCall: workers * rounds})
}
