package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/kafkatest"
)

// The topics: the one that is filled, and one without records, which shows what a worker costs that has nothing to do.
const (
	topic      = "llm_events"
	emptyTopic = "llm_events_none"
)

// batchBytes is the size of a batch before compression: what a busy producer sends with batch.size at 128 KiB.
const batchBytes = 128 << 10

// producedBytes is the most that a record of 10,000 events takes.
const producedBytes = 32 << 20

// fillSpacing is the time between two events of a filled topic: 40,000 happen in a second.
const fillSpacing = 25 * time.Microsecond

// serveBroker is Kafka as a process: it prints its address and serves until its standard input ends.
func serveBroker(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errors.New("broker: wants the number of partitions")
	}
	partitions, err := strconv.ParseInt(args[0], 10, 32)
	if err != nil {
		return fmt.Errorf("broker: read the number of partitions: %w", err)
	}
	cluster, err := kafkatest.Start(kafkatest.Config{
		Topics: map[string]int32{topic: int32(partitions), emptyTopic: int32(partitions)}, MaxMessageBytes: producedBytes,
	})
	if err != nil {
		return err
	}
	defer cluster.Close()
	fmt.Println(cluster.Addrs()[0])
	eof := make(chan struct{})
	go func() {
		defer close(eof)
		_, _ = io.Copy(io.Discard, os.Stdin) // it ends with the parent, whatever becomes of it
	}()
	select {
	case <-eof:
	case <-ctx.Done():
	}
	return nil
}

// broker is that process, seen from outside.
type broker struct {
	process    *process
	addr       string
	partitions int
}

func startBroker(ctx context.Context, partitions int) (*broker, error) {
	p, err := startSelf(ctx, nil, roleBroker, strconv.Itoa(partitions))
	if err != nil {
		return nil, err
	}
	addr, err := p.line()
	if err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return &broker{process: p, addr: addr, partitions: partitions}, nil
}

func (b *broker) close() error { return b.process.stop() }

func (b *broker) producer() (*kgo.Client, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(b.addr), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.ProducerLinger(5*time.Millisecond),
		kgo.ProducerBatchMaxBytes(producedBytes), kgo.BrokerMaxWriteBytes(2*producedBytes),
	)
	if err != nil {
		return nil, fmt.Errorf("make a producer: %w", err)
	}
	return client, nil
}

// fill appends n events that happened up to now, so many to a record, in batches of about batchBytes. It returns the mean
// size of an event in bytes.
func (b *broker) fill(ctx context.Context, s *source, n, record int) (int, error) {
	client, err := b.producer()
	if err != nil {
		return 0, err
	}
	defer client.Close()
	begin := time.Now().Add(-time.Duration(n) * fillSpacing)
	bytes, inBatch, partition := 0, 0, 0
	var round []*kgo.Record
	for i := 0; i < n; i += record {
		at := begin.Add(time.Duration(i) * fillSpacing)
		value := s.record(at, min(record, n-i))
		round = append(round, &kgo.Record{Topic: topic, Partition: int32(partition), Timestamp: at, Value: value})
		bytes, inBatch = bytes+len(value), inBatch+len(value)
		if inBatch >= batchBytes {
			inBatch, partition = 0, partition+1
		}
		if partition < b.partitions && i+record < n {
			continue
		}
		// Waiting for each round makes one batch of what each partition has in it.
		if err := client.ProduceSync(ctx, round...).FirstErr(); err != nil {
			return 0, fmt.Errorf("fill the topic: %w", err)
		}
		round, partition = round[:0], 0
	}
	return bytes / n, nil
}
