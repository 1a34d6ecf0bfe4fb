package kafkatest

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Codec is how a batch is compressed.
type Codec uint8

// The codecs of Kafka, by their numbers on the wire.
const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

// Codecs is every codec.
func Codecs() []Codec { return []Codec{None, Gzip, Snappy, LZ4, Zstd} }

func (c Codec) String() string { return [...]string{"none", "gzip", "snappy", "lz4", "zstd"}[c] }

func (c Codec) option() kgo.Opt {
	return kgo.ProducerBatchCompression([...]kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	}[c])
}

// Produce appends records to where each of them says (Topic, Partition), in order, and waits for the answer. Those of one
// partition make up one batch unless they are too large for it.
func (c *Cluster) Produce(ctx context.Context, codec Codec, records ...*kgo.Record) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		codec.option(), kgo.ProducerBatchMaxBytes(c.maxBatch()))
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("produce %d records: %w", len(records), err)
	}
	return nil
}

func (c *Cluster) maxBatch() int32 {
	if c.cfg.MaxMessageBytes > 0 {
		return int32(c.cfg.MaxMessageBytes)
	}
	return 1_000_000 // of the 1,048,588 that a broker takes by default
}

// Transaction produces records in one transaction and commits or aborts it, which adds a control marker to each of its
// partitions. Transactions of one id follow each other.
func (c *Cluster) Transaction(ctx context.Context, id string, commit bool, records ...*kgo.Record) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionalID(id), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	if err := client.BeginTransaction(); err != nil {
		return fmt.Errorf("begin transaction: %w", err)
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return fmt.Errorf("produce %d records: %w", len(records), err)
	}
	if err := client.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
		return fmt.Errorf("end transaction: %w", err)
	}
	return nil
}

// ProduceRaw appends one hand-made batch as it is and returns the offset that it got. The broker checks what is outside
// the records (see Batch): a batch that lies about its records goes through.
func (c *Cluster) ProduceRaw(ctx context.Context, topic string, partition int32, batch []byte) (int64, error) {
	client, err := c.client()
	if err != nil {
		return 0, err
	}
	req := kmsg.NewPtrProduceRequest()
	req.Acks = -1
	req.TimeoutMillis = 5000
	part := kmsg.NewProduceRequestTopicPartition()
	part.Partition, part.Records = partition, batch
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.Partitions = topic, append(t.Partitions, part)
	if t.TopicID, err = c.topicID(topic); err != nil {
		return 0, err
	}
	req.Topics = append(req.Topics, t)
	res, err := req.RequestWith(ctx, client)
	if err != nil {
		return 0, fmt.Errorf("produce batch: %w", err)
	}
	if len(res.Topics) == 0 || len(res.Topics[0].Partitions) == 0 {
		return 0, errors.New("produce batch: no answer")
	}
	p := res.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
		return 0, fmt.Errorf("produce batch: %w", err)
	}
	return p.BaseOffset, nil
}

func (c *Cluster) topicID(topic string) ([16]byte, error) {
	info := c.Fake().TopicInfo(topic)
	if info == nil {
		return [16]byte{}, fmt.Errorf("find topic %q: it does not exist", topic)
	}
	return info.TopicID, nil
}
