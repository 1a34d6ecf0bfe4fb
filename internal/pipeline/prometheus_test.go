//go:build rules

// The rules in a real Prometheus that scrapes a real worker: `make rules`. It needs prometheus on PATH (Debian: the package
// of that name) and a minute, so it is not among the tests that need nothing.

package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"
)

// hurry is how much faster than life the rules run in this test: a window or a `for` of five minutes is 20 s of it.
const hurry = 15

// What the incident is made of; the first is a call that succeeds.
const (
	callOf     = `{"event":"$ai_generation","uuid":%q,"timestamp":%q,"properties":{"$ai_model":"gpt-4.1-mini","$ai_provider":"openai","environment":"production","$ai_latency":0.3%s}}`
	failed429  = `,"$ai_http_status":429,"$ai_is_error":true,"$ai_error":"Rate limit reached"`
	failedJSON = `,"$ai_is_error":true,"$ai_error":"json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)"`
	dataError  = `{"event":"$exception","uuid":%q,"timestamp":%q,"properties":{"environment":"production","error_category":"data_error","$exception_list":[{"type":"MissingEmbeddingError","value":"missing embedding"}]}}`
)

func TestRulesInPrometheusFireInAnIncidentAndResolve(t *testing.T) {
	const topic = "llm_events"
	r := newRig(t, map[string]int32{topic: 1})
	w := r.start(r.config(topic))
	p := startPrometheus(t, w.metrics)
	send := func(n int, format string, more ...any) {
		records := make([]*kgo.Record, n)
		for i := range records {
			args := append([]any{uuid.NewString(), time.Now().UTC().Format(time.RFC3339Nano)}, more...)
			records[i] = &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, format, args...)}
		}
		r.produce(records...)
	}

	send(30, callOf, "")
	p.until(func() bool { return p.has(`sum(llm_calls_total) == 30`) }, "sees the calls")
	if firing := p.firing(); len(firing) > 0 {
		t.Errorf("before the incident %v fire", firing)
	}

	// Rate limits and data errors come in a burst each; the parsing errors go on.
	send(15, callOf, failed429)
	send(8, dataError)
	all := map[string]bool{"RateLimitExceeded": false, "DataRetrievalFailure": false, "HighParsingErrorRate": false}
	p.until(func() bool {
		send(5, callOf, failedJSON)
		send(15, callOf, "")
		for _, alert := range p.firing() {
			if _, expected := all[alert]; !expected {
				t.Fatalf("%s fires", alert)
			}
			all[alert] = true
		}
		return !slices.Contains(slices.Collect(maps.Values(all)), false)
	}, "has fired all three")
	p.until(func() bool { return len(p.firing()) == 0 }, "has resolved them")

	w.close()
	p.until(func() bool { return slices.Equal(p.firing(), []string{"TracetallyDown"}) }, "notices that the worker is gone")
}

// promServer is a Prometheus of the test's own.
type promServer struct {
	t   *testing.T
	url string
}

// startPrometheus runs the rules, in a hurry, on what the target shows every second.
func startPrometheus(t *testing.T, target string) *promServer {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"llm_errors.yml", "tracetally.yml"} {
		text, err := os.ReadFile("../../deploy/prometheus/rules/" + name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, name), hurried(string(text)))
	}
	write(t, filepath.Join(dir, "config.yaml"), fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: ["*.yml"]
scrape_configs: [{job_name: tracetally, static_configs: [{targets: [%q]}]}]
`, target))
	p := &promServer{t: t, url: "http://" + freePort(t)}
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "config.yaml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+strings.TrimPrefix(p.url, "http://"), "--log.level=warn")
	var log journal
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("start prometheus (Debian: the package of that name): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("prometheus said:\n%s", log.String())
		}
	})
	p.until(func() bool {
		res, err := http.Get(p.url + "/-/ready")
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	}, "is ready")
	return p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

var (
	// windows are the places of a rule file where durations stand.
	windows  = regexp.MustCompile(`\[[0-9smhd:]+\]|for: [0-9smhd]+`)
	duration = regexp.MustCompile(`([0-9]+)([smhd])`)
)

// hurried divides every duration by hurry.
func hurried(rules string) string {
	units := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}
	return windows.ReplaceAllStringFunc(rules, func(window string) string {
		return duration.ReplaceAllStringFunc(window, func(d string) string {
			m := duration.FindStringSubmatch(d)
			n, _ := strconv.Atoi(m[1]) // digits only
			return strconv.FormatInt((time.Duration(n)*units[m[2]]/hurry).Milliseconds(), 10) + "ms"
		})
	})
}

// until asks twice a second.
func (p *promServer) until(ok func() bool, what string) {
	p.t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			p.t.Fatalf("Prometheus never %s; firing: %v", what, p.firing())
		}
		pause(context.Background(), 500*time.Millisecond)
	}
}

// firing are the names of the alerts that fire, sorted, each once.
func (p *promServer) firing() []string {
	p.t.Helper()
	var alerts struct {
		Alerts []struct {
			Labels map[string]string
			State  string
		}
	}
	p.ask("/api/v1/alerts", &alerts)
	var names []string
	for _, a := range alerts.Alerts {
		if a.State == "firing" {
			names = append(names, a.Labels["alertname"])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// has tells whether an expression has any result.
func (p *promServer) has(expr string) bool {
	p.t.Helper()
	var data struct{ Result []json.RawMessage }
	req, err := http.NewRequest(http.MethodGet, p.url, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	q := req.URL.Query()
	q.Set("query", expr)
	p.ask("/api/v1/query?"+q.Encode(), &data)
	return len(data.Result) > 0
}

// ask reads the data of an answer of the API.
func (p *promServer) ask(path string, data any) {
	p.t.Helper()
	res, err := http.Get(p.url + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	answer := struct {
		Status string
		Data   any
	}{Data: data}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil || answer.Status != "success" {
		p.t.Fatalf("Prometheus answers %s with %q, %v", path, answer.Status, err)
	}
}
