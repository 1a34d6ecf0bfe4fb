package consumer

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Client is one worker's access to Kafka. It is safe for concurrent use; a Reader is not.
type Client struct {
	cfg       Config
	log       *slog.Logger
	addr      net.Addr
	door      *door
	conns     *connections
	transport *kafka.Transport
	stop      context.CancelFunc // ends the transport's own goroutines

	memory  memory
	codecs  codecs
	ids     topicIDCache
	closing sync.Once
	closed  error
}

// New checks cfg and reports every problem of it at once. It does not connect: brokers may come up later.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configure consumer: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	d := newDoor(cfg.Access, cfg.Brokers, cfg.ClientID, cfg.Logger)
	c := &Client{cfg: cfg, log: cfg.Logger, addr: kafka.TCP(cfg.Brokers...), door: d, conns: newConnections(d), stop: stop}
	c.codecs.limit = cfg.MaxBatchBytes
	c.transport = newTransport(ctx, cfg, c.conns)
	return c, nil
}

// Close closes every connection and waits until kafka-go has let go of them. Run must have returned; a Reader that is
// still in Next gets an error.
func (c *Client) Close() error {
	c.closing.Do(func() {
		c.stop()
		c.transport.CloseIdleConnections()
		c.closed = c.conns.shut()
	})
	return c.closed
}

// ClusterID is the id that the brokers give their cluster; empty when they give none. It waits for a broker until ctx
// ends.
func (c *Client) ClusterID(ctx context.Context) (string, error) {
	m, err := c.metadata(ctx)
	if err != nil {
		return "", fmt.Errorf("ask for the cluster id: %w", err)
	}
	return m.ClusterID, nil
}

// metadata is what the transport knows of our topics, at most metadataTTL old.
func (c *Client) metadata(ctx context.Context) (*metadata.Response, error) {
	var m *metadata.Response
	err := c.retry(ctx, func() error {
		res, err := c.transport.RoundTrip(ctx, c.addr, &metadata.Request{TopicNames: c.cfg.Topics})
		if err != nil {
			return unavailable(err)
		}
		m = res.(*metadata.Response)
		return nil
	})
	return m, err
}
