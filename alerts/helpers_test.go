package alerts

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"

	"github.com/tracetally/tracetally/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testReasons = []Reason{
	{schemas.APIError, "rate_limit", "429"},
	{schemas.ParsingError, "invalid_json", ""},
	{schemas.SystemError, "unknown", ""},
}

// clock is a time that only tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// newTest gives Metrics on a registry that checks what it is told.
func newTest(t testing.TB, c *clock) (*Metrics, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	m, err := New(reg, Config{Now: c.now, Reasons: testReasons, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return m, reg
}

// gather reads every sample of the registry: name{label="value",…} with the labels in order of their names.
func gather(t testing.TB, reg prometheus.Gatherer) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]float64{}
	for _, f := range families {
		flatten(samples, f)
	}
	return samples
}

// settled gathers once for new series to be shown at 0, and then what they counted.
func settled(t testing.TB, reg prometheus.Gatherer) map[string]float64 {
	t.Helper()
	gather(t, reg)
	return gather(t, reg)
}

func flatten(samples map[string]float64, f *dto.MetricFamily) {
	for _, m := range f.GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
		}
		key := f.GetName() + "{" + strings.Join(labels, ",") + "}"
		switch {
		case m.Histogram != nil:
			samples[key+" count"] = float64(m.GetHistogram().GetSampleCount())
			samples[key+" sum"] = m.GetHistogram().GetSampleSum()
		case m.Counter != nil:
			samples[key] = m.GetCounter().GetValue()
		default:
			samples[key] = m.GetGauge().GetValue()
		}
	}
}

// want compares some samples; NaN never equals.
func want(t testing.TB, got map[string]float64, samples map[string]float64) {
	t.Helper()
	for key, value := range samples {
		if v, ok := got[key]; !ok || v != value {
			t.Errorf("%s = %v (there: %v), want %v", key, v, ok, value)
		}
	}
}

const (
	gpt     = `{environment="production",model="gpt-4.1-mini",provider="openai"}`
	gptCall = `llm_errors_total{category="api_error",environment="production",error_code="429",linked="call",model="gpt-4.1-mini",provider="openai",reason="rate_limit"}`
)

// call is a finished call of now.
func call(c *clock) schemas.Event {
	return schemas.Event{
		Kind: schemas.Call, Status: schemas.StatusOK, Time: c.now(), TraceID: "0af7651916cd43dd8448eb211c80319c",
		Environment: "production", Provider: "openai", Model: "gpt-4.1-mini", Operation: schemas.OpChat,
	}
}

// failed is a failed call of now.
func failed(c *clock) schemas.Event {
	e := call(c)
	e.Status = schemas.StatusError
	e.Failure = &schemas.Failure{Category: schemas.APIError, Reason: "rate_limit", Code: "429"}
	return e
}

// exception is an exception of now, which names no model.
func exception(c *clock) schemas.Event {
	return schemas.Event{
		Kind: schemas.ExceptionEvent, Time: c.now(), Environment: "production",
		Failure: &schemas.Failure{Category: schemas.ParsingError, Reason: "invalid_json"},
	}
}

// commit counts the events as new.
func commit(m *Metrics, events ...schemas.Event) {
	isNew := make([]bool, len(events))
	for i := range isNew {
		isNew[i] = true
	}
	m.Committed(List(events), isNew)
}

// fetch asks the server and reads the whole answer.
func fetch(t testing.TB, method, url, accept string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// scrape reads /metrics as Prometheus does, in the text format.
func scrape(t testing.TB, addr string) map[string]float64 {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, req)
}

// parse reads every sample of the answer.
func parse(t testing.TB, client *http.Client, req *http.Request) map[string]float64 {
	t.Helper()
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("/metrics answers %d", resp.StatusCode)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]float64{}
	for _, f := range families {
		flatten(samples, f)
	}
	return samples
}
