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
	d := newDoor(cfg.Access, cfg.Brokers, cfg.ClientID, cfg.Logger)
	c := &Client{cfg: cfg, log: cfg.Logger, addr: kafka.TCP(cfg.Brokers...), door: d}
	c.codecs.limit = cfg.MaxBatchBytes
	c.connect()
	return c, nil
}

// connect makes what connections are made with.
func (c *Client) connect() {
	var ctx context.Context
	ctx, c.stop = context.WithCancel(context.Background())
	c.conns = newConnections(c.door)
	c.transport = newTransport(ctx, c.cfg, c.conns)
}

// Renew gives up every connection and whatever kafka-go thinks it knows, and begins anew. Run must have returned, and nobody
// may use the Client meanwhile. An error says that something of the old is left; the new works all the same.
func (c *Client) Renew() error {
	err := c.disconnect()
	c.connect()
	return err
}

func (c *Client) disconnect() error {
	c.stop()
	c.transport.CloseIdleConnections()
	return c.conns.shut()
}

// Close closes every connection and waits until kafka-go has let go of them. Run must have returned; a Reader that is
// still in Next gets an error.
func (c *Client) Close() error {
	c.closing.Do(func() { c.closed = c.disconnect() })
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
