package consumer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"go.uber.org/goleak"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
)

// childVariable makes this binary read a log, as "their" or "our" way of reading, and end: what happens to a process is
// measured on one of its own.
const childVariable = "TRACETALLY_VERSUS"

func TestMain(m *testing.M) {
	if who, addr, ok := strings.Cut(os.Getenv(childVariable), "="); ok {
		os.Exit(child(who, addr))
	}
	goleak.VerifyTestMain(kafkatest.Suite{Tests: m})
}

// child reads until it has seen offset 2, prints the last value and how many bytes of memory its Go took of the system,
// which never goes down, and ends. (What the kernel calls the maximum is that of the parent if that was larger.)
func child(who, addr string) int {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var last string
	var err error
	switch who {
	case "their":
		last, err = theirChild(ctx, addr)
	case "our":
		last, err = ourChild(ctx, addr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 3
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	fmt.Println(last, memory.Sys)
	return 0
}

func theirChild(ctx context.Context, addr string) (string, error) {
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{addr}, Topic: "t", MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 50 * time.Millisecond})
	defer r.Close()
	for {
		m, err := r.ReadMessage(ctx)
		if err != nil || m.Offset >= 2 {
			return string(m.Value[:min(9, len(m.Value))]), err
		}
	}
}

func ourChild(ctx context.Context, addr string) (string, error) {
	c, err := consumer.New(consumer.Config{
		Brokers: []string{addr}, GroupID: "g", Topics: []string{"t"}, FetchBytes: 1 << 20, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return "", err
	}
	defer c.Close()
	r := c.Reader("t", 0, 0)
	for {
		chunk, err := r.Next(ctx)
		if err != nil && !errors.Is(err, consumer.ErrUnavailable) {
			return "", err
		}
		if n := len(chunk.Records); chunk.To > 2 && n > 0 {
			return string(chunk.Records[n-1].Value), nil
		}
	}
}

// run starts a child and waits for it.
func run(t *testing.T, who string, cluster *kafkatest.Cluster) (last string, memory int, failure string) {
	t.Helper()
	cmd := exec.CommandContext(patient(t), os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+who+"="+cluster.Addrs()[0])
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", 0, err.Error() + "\n" + stderr.String()
	}
	last, taken, _ := strings.Cut(strings.TrimSuffix(stdout.String(), "\n"), " ")
	memory, err := strconv.Atoi(taken)
	must(t, err)
	return last, memory, ""
}

// stored is a log of a record, a batch as it is, and another record, which is the offset 2 that a child looks for.
func stored(t *testing.T, poison kafkatest.Batch) *kafkatest.Cluster {
	t.Helper()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	must(t, cluster.Produce(patient(t), kafkatest.None, numbered("before", 1)...))
	_, err := cluster.ProduceRaw(patient(t), "t", 0, poison.Bytes())
	must(t, err)
	must(t, cluster.Produce(patient(t), kafkatest.None, numbered("after", 1)...))
	return cluster
}

func TestVersusHeadersWithoutEnd(t *testing.T) {
	t.Parallel()
	cluster := stored(t, kafkatest.Batch{Records: [][]byte{kafkatest.Record(0, nil, nil, 1<<50)}})
	if last, _, failure := run(t, "their", cluster); !strings.Contains(failure, "panic: ") {
		t.Errorf("a process with kafka-go's Reader lives, reads %q, says %q", last, failure)
	}
	if last, _, failure := run(t, "our", cluster); last != "after-0" {
		t.Errorf("our process reads %q, says %q", last, failure)
	}
}

// TestVersusBomb: memory is compared by a factor, which no load of the machine moves.
func TestVersusBomb(t *testing.T) {
	t.Parallel()
	const unpacked = 256 << 20
	cluster := stored(t, kafkatest.Batch{Count: 1, Attributes: 4, Payload: packedRecord(t, unpacked)})
	last, theirs, failure := run(t, "their", cluster)
	if failure != "" || theirs < unpacked {
		t.Errorf("kafka-go's Reader took %d MiB, read %q: it may have learnt to bound. %s", theirs>>20, last, failure)
	}
	last, ours, failure := run(t, "our", cluster)
	if last != "after-0" || ours > theirs/4 {
		t.Errorf("our process took %d MiB, kafka-go's %d; read %q. %s", ours>>20, theirs>>20, last, failure)
	}
	t.Logf("256 MiB of zeros: kafka-go's Reader took %d MiB, ours %d MiB", theirs>>20, ours>>20)
}

// packedRecord is one record whose value is so many zeros, in zstd.
func packedRecord(t *testing.T, zeros int) []byte {
	t.Helper()
	return zstdOf(t, kafkatest.Record(0, nil, make([]byte, zeros), 0))
}
