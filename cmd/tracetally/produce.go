package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/traffic"
	"github.com/tracetally/tracetally/schemas"
)

// produceChunk is how many records one write to Kafka carries at most.
const produceChunk = 500

// produceCmd sends records to Kafka and waits until all in-sync replicas have them.
type produceCmd struct {
	kafkaFlags

	Topic string `help:"Topic for every record; without it each record's own." placeholder:"TOPIC"`
	Input string `help:"What a line of the file is: see explain." enum:"values,records" default:"records"`
	File  string `help:"File to send, a record per line; - is standard input." default:"-" placeholder:"FILE"`

	Sample int     `help:"Send this many records of invented traffic instead of a file: several applications, duplicates, poison, an incident." placeholder:"N"`
	Rate   float64 `help:"Records of the sample per second; 0 is as fast as Kafka takes them." default:"0"`
	Seed   uint64  `help:"Seed of the sample." default:"1"`
}

// Run sends the file line by line and says how many records went where.
func (c *produceCmd) Run(ctx context.Context, std *streams) error {
	if len(c.Brokers) == 0 {
		return errors.New("brokers: required, for example 127.0.0.1:9092")
	}
	if c.Input == "values" && c.Topic == "" {
		return errors.New("topic: required with --input values, which names none")
	}
	transport, err := consumer.NewTransport(c.access(), c.Brokers, "tracetally-produce", slog.New(slog.DiscardHandler)) // the error says it
	if err != nil {
		return err
	}
	defer transport.CloseIdleConnections()
	if c.KafkaPlaintext {
		fmt.Fprintln(std.err, "tracetally: warning: --kafka-plaintext: whoever is on the way can read and change the records")
	}
	w := &kafka.Writer{
		Transport:    transport,
		Addr:         kafka.TCP(c.Brokers...),
		RequiredAcks: kafka.RequireAll, AllowAutoTopicCreation: true,
		BatchTimeout: 5 * time.Millisecond, BatchBytes: 16 << 20, Balancer: &kafka.Hash{}, MaxAttempts: 20,
	}
	defer w.Close() //nolint:errcheck // every write was acknowledged or failed already
	s := &sender{cmd: c, writer: w, sent: map[string]int{}}
	if err := c.send(ctx, s, std.in); err != nil {
		return err
	}
	for _, topic := range slices.Sorted(maps.Keys(s.sent)) {
		fmt.Fprintf(std.out, "%s: %d records\n", topic, s.sent[topic])
	}
	return nil
}

// send sends the sample if one is asked for, else the file.
func (c *produceCmd) send(ctx context.Context, s *sender, stdin io.Reader) error {
	if c.Sample > 0 {
		return s.sample(ctx)
	}
	in, closeInput, err := openInput(c.File, stdin)
	if err != nil {
		return err
	}
	defer closeInput()
	return s.lines(ctx, in)
}

type sender struct {
	cmd    *produceCmd
	writer *kafka.Writer
	chunk  []kafka.Message
	sent   map[string]int
}

func (s *sender) lines(ctx context.Context, in io.Reader) error {
	if err := eachLine(in, func(text []byte, n int64) error { return s.line(ctx, text, n) }); err != nil {
		return err
	}
	return s.flush(ctx)
}

func (s *sender) line(ctx context.Context, text []byte, n int64) error {
	rec := schemas.Record{Value: bytes.Clone(text)}
	if s.cmd.Input == "records" {
		var err error
		if rec, err = parseRecordLine(text, n); err != nil {
			return fmt.Errorf("read line %d: %w", n, err)
		}
	}
	if s.cmd.Topic != "" {
		rec.Topic = s.cmd.Topic
	}
	if rec.Topic == "" {
		return fmt.Errorf("line %d names no topic: give --topic", n)
	}
	return s.add(ctx, message(&rec))
}

// sample sends invented traffic. Its records carry the times at which they are sent, as a producer's do.
func (s *sender) sample(ctx context.Context) error {
	rate := s.cmd.Rate
	if rate <= 0 {
		rate = 1000 // of the story only: how densely its events lie
	}
	start := time.Now()
	g := traffic.New(traffic.Config{Seed: s.cmd.Seed, Start: start, Rate: rate, Incidents: traffic.Schedule(0)})
	for range s.cmd.Sample {
		rec := g.Next()
		if s.cmd.Rate > 0 {
			if err := s.waitUntil(ctx, rec.Time); err != nil {
				return err
			}
		}
		m := kafka.Message{Topic: cmp.Or(s.cmd.Topic, rec.Topic), Key: rec.Key, Value: rec.Value}
		for _, h := range rec.Headers {
			m.Headers = append(m.Headers, kafka.Header{Key: h.Key, Value: h.Value})
		}
		if err := s.add(ctx, m); err != nil {
			return err
		}
	}
	return s.flush(ctx)
}

// waitUntil sends what is gathered if there is time before the next record is due.
func (s *sender) waitUntil(ctx context.Context, due time.Time) error {
	if time.Until(due) <= 0 {
		return nil
	}
	if err := s.flush(ctx); err != nil {
		return err
	}
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *sender) add(ctx context.Context, m kafka.Message) error {
	s.chunk = append(s.chunk, m)
	if len(s.chunk) < produceChunk {
		return nil
	}
	return s.flush(ctx)
}

func (s *sender) flush(ctx context.Context) error {
	if len(s.chunk) == 0 {
		return nil
	}
	if err := s.writer.WriteMessages(ctx, s.chunk...); err != nil {
		return fmt.Errorf("send %d records: %w", len(s.chunk), err)
	}
	for i := range s.chunk {
		s.sent[s.chunk[i].Topic]++
	}
	s.chunk = s.chunk[:0]
	return nil
}

// message keeps the difference between a null and an empty value, and lets the broker set a time that is absent.
func message(rec *schemas.Record) kafka.Message {
	m := kafka.Message{Topic: rec.Topic, Key: rec.Key, Value: rec.Value, Time: rec.Timestamp}
	for _, h := range rec.Headers {
		m.Headers = append(m.Headers, kafka.Header{Key: h.Key, Value: h.Value})
	}
	return m
}
