package pipeline

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/audit"
	"github.com/tracetally/tracetally/internal/kafkatest"
	"github.com/tracetally/tracetally/internal/traffic"
)

// program is the real worker, built once for the test.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tracetally")
	if out, err := exec.Command("go", "build", "-o", path, module+"cmd/tracetally").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// process is a worker as a process of its own, which can be killed like one.
type process struct {
	cmd *exec.Cmd
	log journal
}

// journal is what a process writes, readable while it still does.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (r *rig) spawn(program string) *process {
	r.t.Helper()
	return r.spawnOn(program, r.url)
}

// spawnOn starts a worker that reaches PostgreSQL by the URL given.
func (r *rig) spawnOn(program, url string) *process {
	r.t.Helper()
	p := &process{cmd: exec.Command(program, "run",
		"--brokers", strings.Join(r.kafka.Addrs(), ","), "--topics", strings.Join(topicNames(), ","), "--no-users",
		"--listen", "127.0.0.1:0", "--batch-age", "20ms", "--commit-interval", "50ms", "--drain", "2s", "--session-timeout", "6s", "--log-level", "info")}
	p.cmd.Env = append(p.cmd.Environ(), "TRACETALLY_POSTGRES_URL="+url)
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(p.kill)
	return p
}

// kill ends the process the hard way and waits for it.
func (p *process) kill() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill() // it may have ended by itself
		_ = p.cmd.Wait()         // reports the kill
	}
}

func topicNames() []string {
	var names []string
	for _, t := range traffic.Topics() {
		names = append(names, t.Name)
	}
	return names
}

func TestKilledWorkersCountEverythingOnce(t *testing.T) {
	t.Parallel()
	kills, seed := 8, uint64(20261124)
	if n, err := strconv.Atoi(os.Getenv("TRACETALLY_KILLS")); err == nil { // make faults
		kills, seed = n, uint64(time.Now().UnixNano())
	}
	if n, err := strconv.ParseUint(os.Getenv("TRACETALLY_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("%d kills, TRACETALLY_SEED=%d", kills, seed)
	const perKill = 400
	r := newRigOn(t, kafkatest.Config{Topics: trafficTopics(), Own: true})
	worker := program(t)
	g := traffic.New(traffic.Config{Seed: seed, Start: time.Now().Add(-time.Minute), Poison: 0.02, Duplicates: 0.1, MaxLate: 5 * time.Second})
	dice := rand.New(rand.NewPCG(seed, seed))
	workers := []*process{r.spawn(worker), r.spawn(worker)}
	for range kills {
		for range perKill / 20 {
			some := make([]*kgo.Record, 20)
			for i := range some {
				some[i] = kafkaRecord(g.Next())
			}
			r.produce(some...)
		}
		pause(t.Context(), time.Duration(dice.IntN(700))*time.Millisecond)
		victim := dice.IntN(len(workers))
		workers[victim].kill()
		workers[victim] = r.spawn(worker)
	}
	var rest []*kgo.Record
	for _, rec := range g.Finish(time.Now()) {
		rest = append(rest, kafkaRecord(rec))
	}
	r.produce(rest...)
	defer func() {
		if t.Failed() {
			for _, p := range workers {
				t.Logf("worker:\n%s", p.log.String())
			}
		}
	}()
	r.agree(g.Books())
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, p := range workers { // and those that live stop cleanly
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		done := make(chan error, 1)
		go func() { done <- p.cmd.Wait() }()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("worker ended with %v: %s", err, p.log.String())
			}
		case <-ctx.Done():
			t.Fatal("worker does not stop")
		}
	}
}

// agree waits until every record sent has a verdict, and then demands every figure of the producer's books in the tables.
func (r *rig) agree(books traffic.Books) {
	r.t.Helper()
	r.until(fmt.Sprint(books.Sent()), `select coalesce(sum(next_offset - start_offset), 0)::bigint from tracetally.partition_progress`)
	found, err := audit.Read(r.t.Context(), r.db)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range audit.Compare(books, found) {
		if !c.Agrees() {
			r.t.Errorf("%s: produced %s, in PostgreSQL %s", c.What, c.Produced, c.Found)
		}
	}
}
