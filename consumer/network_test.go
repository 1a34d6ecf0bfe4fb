package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
)

// What networks do. That no goroutine is left behind, TestMain checks at the end.

// proxied is a log of 20 batches behind a proxy, and what is in it.
func proxied(t *testing.T) (cluster *kafkatest.Cluster, want []string) {
	t.Helper()
	cluster = kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}, Proxied: true})
	for i := range 20 {
		must(t, cluster.Produce(patient(t), kafkatest.LZ4, numbered(fmt.Sprint(i), 2)...))
		want = append(want, fmt.Sprint(i, "-0"), fmt.Sprint(i, "-1"))
	}
	return cluster, want
}

// inPieces reads batch by batch.
func inPieces(c *consumer.Config) { c.FetchBytes = 1 << 10 }

func TestAnswersInSmallPiecesAreReadWhole(t *testing.T) {
	t.Parallel()
	cluster, want := proxied(t)
	cluster.Proxy().Slice(7)
	if got := readTo(t, newClient(t, cluster, inPieces).Reader("t", 0, 0), 40); !slices.Equal(got.values(), want) {
		t.Errorf("read %v", got.values())
	}
}

func TestResetConnectionsCostNothing(t *testing.T) {
	t.Parallel()
	cluster, want := proxied(t)
	client := newClient(t, cluster, inPieces)
	w := startWorker(t, client)
	w.wait(t, exactly("t/0"))
	r := client.Reader("t", 0, 0)
	var values []string
	for at := int64(0); at < 40; {
		cluster.Proxy().Reset()
		got := readTo(t, r, at+1)
		values, at = append(values, got.values()...), got.to
	}
	if !slices.Equal(values, want) {
		t.Errorf("read %v", values)
	}
	w.wait(t, exactly("t/0"))
}

// The connections of before say nothing any more and do not end, as those of a machine that was unplugged; new ones work.
func TestBlackHoledConnectionsAreGivenUp(t *testing.T) {
	t.Parallel()
	cluster, want := proxied(t)
	client := newClient(t, cluster, inPieces)
	w := startWorker(t, client)
	w.wait(t, exactly("t/0"))
	r := client.Reader("t", 0, 0)
	first := readTo(t, r, 1)
	cluster.Proxy().Mute(false)
	rest := readTo(t, r, 40)
	if got := append(first.values(), rest.values()...); !slices.Equal(got, want) {
		t.Errorf("read %v", got)
	}
	w.wait(t, exactly("t/0"))
}

// Nothing gets through for good: reading says so in time, and stopping waits for nobody.
func TestBlackHoledClusterIsAnErrorAndStopsNoShutdown(t *testing.T) {
	t.Parallel()
	cluster, _ := proxied(t)
	client := newClient(t, cluster, inPieces)
	w := startWorker(t, client)
	w.wait(t, exactly("t/0"))
	r := client.Reader("t", 0, 0)
	first := readTo(t, r, 1)
	cluster.Proxy().Mute(true)
	ctx, cancel := context.WithCancel(patient(t))
	defer cancel()
	var err error
	for err == nil { // what came before
		var c consumer.Chunk
		if c, err = r.Next(ctx); err == nil && c.From == c.To {
			t.Errorf("a dead cluster has nothing new at %d of 40", first.to)
		}
	}
	if !errors.Is(err, consumer.ErrUnavailable) {
		t.Errorf("Next = %v, want ErrUnavailable", err)
	}
	asked := make(chan error)
	go func() {
		var err error
		for err == nil || errors.Is(err, consumer.ErrUnavailable) {
			_, err = r.Next(ctx)
		}
		asked <- err
	}()
	cancel()
	if err := <-asked; !errors.Is(err, context.Canceled) {
		t.Errorf("Next in an ended context: %v", err)
	}
	w.end(t)
}
