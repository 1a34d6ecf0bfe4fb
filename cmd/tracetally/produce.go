package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"

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
}

// Run sends the file line by line and says how many records went where.
func (c *produceCmd) Run(ctx context.Context, std *streams) error {
	if len(c.Brokers) == 0 {
		return errors.New("brokers: required, for example 127.0.0.1:9092")
	}
	if c.Input == "values" && c.Topic == "" {
		return errors.New("topic: required with --input values, which names none")
	}
	in, closeInput, err := openInput(c.File, std.in)
	if err != nil {
		return err
	}
	defer closeInput()
	w := &kafka.Writer{
		Addr: kafka.TCP(c.Brokers...), RequiredAcks: kafka.RequireAll, AllowAutoTopicCreation: true,
		BatchTimeout: 5 * time.Millisecond, BatchBytes: 16 << 20, Balancer: &kafka.Hash{}, MaxAttempts: 20,
	}
	defer w.Close() //nolint:errcheck // every write was acknowledged or failed already
	s := &sender{cmd: c, writer: w, sent: map[string]int{}}
	if err := s.lines(ctx, in); err != nil {
		return err
	}
	for topic, n := range s.sent {
		if _, err := fmt.Fprintf(std.out, "%s: %d records\n", topic, n); err != nil {
			return err
		}
	}
	return nil
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
	s.chunk = append(s.chunk, message(&rec))
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
