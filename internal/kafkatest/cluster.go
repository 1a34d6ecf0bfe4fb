package kafkatest

import (
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Config says what to start. The zero value is one broker with no topics and no disk.
type Config struct {
	// Topics to create, by number of partitions.
	Topics map[string]int32
	// Brokers is how many there are. Default 1.
	Brokers int
	// DataDir keeps the logs on disk, so that Restart finds them again. Default: in memory only.
	DataDir string
	// MaxMessageBytes is the largest batch that brokers take, in bytes. Default 1 MiB.
	MaxMessageBytes int
}

// Cluster is a running Kafka. It is safe for concurrent use, Stop and Restart aside.
type Cluster struct {
	cfg   Config
	addrs []string

	mu       sync.Mutex
	fake     *kfake.Cluster
	producer *kgo.Client
}

// ClusterID is what the brokers call their cluster.
const ClusterID = "kafkatest"

// Start starts the brokers on free ports of 127.0.0.1.
func Start(cfg Config) (*Cluster, error) {
	c := &Cluster{cfg: cfg}
	if err := c.start(); err != nil {
		return nil, err
	}
	c.addrs = c.fake.ListenAddrs()
	return c, nil
}

// start creates the fake; a second time it takes the ports of the first.
func (c *Cluster) start() error {
	opts := []kfake.Opt{
		kfake.NumBrokers(max(1, c.cfg.Brokers)), kfake.ClusterID(ClusterID), kfake.ListenFn(listenLoopback),
	}
	for topic, partitions := range c.cfg.Topics {
		opts = append(opts, kfake.SeedTopics(partitions, topic))
	}
	if c.cfg.DataDir != "" {
		opts = append(opts, kfake.DataDir(c.cfg.DataDir), kfake.SyncWrites())
	}
	if c.cfg.MaxMessageBytes > 0 {
		opts = append(opts, kfake.BrokerConfigs(map[string]string{"message.max.bytes": fmt.Sprint(c.cfg.MaxMessageBytes)}))
	}
	if len(c.addrs) > 0 {
		ports, err := portsOf(c.addrs)
		if err != nil {
			return err
		}
		opts = append(opts, kfake.Ports(ports...))
	}
	fake, err := kfake.NewCluster(opts...)
	if err != nil {
		return fmt.Errorf("start fake Kafka: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fake = fake
	return nil
}

// listenLoopback keeps only the port of the address, whatever the fake would listen on.
func listenLoopback(network, address string) (net.Listener, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("read address %q: %w", address, err)
	}
	return net.Listen(network, net.JoinHostPort("127.0.0.1", port))
}

func portsOf(addrs []string) ([]int, error) {
	var ports []int
	for _, a := range addrs {
		tcp, err := net.ResolveTCPAddr("tcp", a)
		if err != nil {
			return nil, fmt.Errorf("read address %q: %w", a, err)
		}
		ports = append(ports, tcp.Port)
	}
	return ports, nil
}

// Addrs are the brokers' addresses; they stay the same over Restart.
func (c *Cluster) Addrs() []string { return c.addrs }

// Fake is the kfake cluster, for what has no method here: faults, controls, moved leaders, groups. Restart makes a new one.
func (c *Cluster) Fake() *kfake.Cluster {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fake
}

// Stop kills the brokers: connections break, ports are free. Logs without a DataDir are gone.
func (c *Cluster) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.producer != nil {
		c.producer.Close()
		c.producer = nil
	}
	c.fake.Close()
}

// Restart brings stopped brokers back on the ports they had.
func (c *Cluster) Restart() error { return c.start() }

// Close stops everything for good.
func (c *Cluster) Close() { c.Stop() }

var errNoClient = errors.New("kafka client is closed")

// client is the shared client for producing by hand-picked partition and for requests of one's own.
func (c *Cluster) client() (*kgo.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.producer != nil {
		return c.producer, nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return nil, fmt.Errorf("connect to fake Kafka: %w", errors.Join(errNoClient, err))
	}
	c.producer = client
	return client, nil
}
