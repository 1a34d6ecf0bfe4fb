package alerts

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"pgregory.net/rapid"
)

// servers are two Prometheus servers on two machines, and a person.
var servers = []string{"192.0.2.1 Prometheus/3.9.1", "192.0.2.2 Prometheus/3.9.1", "192.0.2.1 curl/8.5"}

func TestEachServerSeesTheFirstFailureWhoeverLooksBetween(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	seen := map[string][]map[string]float64{}
	look := func(who string) {
		c.advance(time.Second)
		seen[who] = append(seen[who], gather(t, m.As(who, reg)))
	}
	look(servers[0])
	look(servers[1])
	commit(m, failed(c), failed(c))
	look(servers[2])
	look(servers[0])
	look(servers[2])
	look(servers[0])
	commit(m, failed(c))
	look(servers[1])
	look(servers[1])
	look(servers[0])
	for _, who := range servers[:2] {
		if got := increase(seen[who], gptCall); got != 3 {
			t.Errorf("%s saw an increase of %v, want 3", who, got)
		}
	}
}

func TestOneWhoComesRegularlySeesZeroFirstHoweverOldTheSeriesIs(t *testing.T) {
	for pause, shown := range map[time.Duration]float64{viewerLimit: 0, viewerLimit + 1: 2} {
		c := newClock()
		m, reg := newTest(t, c)
		gather(t, m.As("slow", reg))
		commit(m, call(c), call(c))
		c.advance(pause)
		want(t, gather(t, m.As("slow", reg)), map[string]float64{"llm_calls_total" + gpt: shown})
		want(t, gather(t, m.As("slow", reg)), map[string]float64{"llm_calls_total" + gpt: 2})
	}
}

func TestManyWhoLookTakeNothingFromTheServerThatComesRegularly(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	var scrapes []map[string]float64
	for i := range 40 {
		scrapes = append(scrapes, gather(t, m.As(servers[0], reg)))
		commit(m, ofModel(failed(c), fmt.Sprint("model-", i)), failed(c))
		c.advance(time.Second)
		gather(t, m.As(fmt.Sprint("somebody ", i), reg))
	}
	scrapes = append(scrapes, gather(t, m.As(servers[0], reg)), gather(t, m.As(servers[0], reg)))
	if got := increase(scrapes, gptCall); got != 40 {
		t.Errorf("increase = %v, want 40", got)
	}
	if n := len(m.viewers.known); n != maxViewers {
		t.Errorf("%d viewers are remembered, want %d", n, maxViewers)
	}
	// The bits of the forgotten went to others, who see zero first all the same.
	commit(m, ofModel(failed(c), "last"))
	want(t, gather(t, m.As("a new one", reg)), map[string]float64{
		`llm_calls_total{environment="production",model="last",provider="openai"}`: 0,
	})
}

func TestNoNumberOfNamesMakesTheCountersOfAServerGoDown(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	var before float64
	look := func(want float64) {
		now := gather(t, m.As(servers[0], reg))[gptCall]
		if now < before || now != want {
			t.Errorf("shown %v after %v, want %v", now, before, want)
		}
		before = now
		c.advance(10 * time.Second)
	}
	look(0)
	look(0)
	commit(m, failed(c), failed(c))
	look(0)
	look(2)
	for i := range 3 * maxViewers {
		gather(t, m.As(fmt.Sprint("somebody ", i), reg))
		c.advance(time.Millisecond)
	}
	look(2)
}

func TestEveryRegularViewerSeesAllThatWasCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newClock()
		reg := prometheus.NewPedanticRegistry()
		m, err := New(reg, Config{Now: c.now, Reasons: testReasons})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string][]map[string]float64{}
		look := func(who string) {
			families, err := m.As(who, reg).Gather()
			if err != nil {
				t.Fatal(err)
			}
			samples := map[string]float64{}
			for _, f := range families {
				flatten(samples, f)
			}
			seen[who] = append(seen[who], samples)
		}
		all := func() {
			for _, who := range servers {
				look(who)
			}
		}
		all()
		counted := map[string]float64{}
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "commit") {
				model := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "model")
				m.Committed(List{ofModel(call(c), model)}, []bool{true})
				counted[model]++
			} else {
				look(rapid.SampledFrom(servers).Draw(t, "who"))
			}
			c.advance(time.Duration(rapid.IntRange(0, 14).Draw(t, "seconds")) * time.Second)
		}
		all()
		all()
		for _, who := range servers {
			for model, n := range counted {
				key := `llm_calls_total{environment="production",model="` + model + `",provider="openai"}`
				if got := increase(seen[who], key); got != n {
					t.Fatalf("%s saw an increase of %v for %s, want %v", who, got, model, n)
				}
			}
		}
	})
}

// from asks as a program at an address of loopback.
func from(t *testing.T, addr, ip, program string) map[string]float64 {
	t.Helper()
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext}}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+addr+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("User-Agent", program)
	return parse(t, client, req)
}

func TestScrapersAreToldApartByAddressAndProgram(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	addr := serve(t, ServerConfig{Registry: reg, Metrics: m})
	commit(m, call(c))
	zero, one := map[string]float64{"llm_calls_total" + gpt: 0}, map[string]float64{"llm_calls_total" + gpt: 1}
	want(t, from(t, addr, "127.0.0.1", "Prometheus/3.9.1"), zero)
	want(t, from(t, addr, "127.0.0.2", "Prometheus/3.9.1"), zero)
	want(t, from(t, addr, "127.0.0.1", "curl/8.5"), zero)
	want(t, from(t, addr, "127.0.0.1", "Prometheus/3.9.1"), one)
	want(t, from(t, addr, "127.0.0.2", "Prometheus/3.9.1"), one)
}
