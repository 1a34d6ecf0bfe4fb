package kafkatest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/tracetally/tracetally/internal/netfault"
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
	// Proxied puts a proxy before the fake's one broker, which clients are told to use: see Proxy.
	Proxied bool
	// NoTopicIDs makes the fake speak as Kafka 2.7 did, which gave topics no ids. Apache Kafka 4.1 cannot.
	NoTopicIDs bool
	// Own asks Either for a broker that no other test uses: the test stops it, or cannot choose the names of its topics.
	// Brokers other than Apache Kafka are always a test's own.
	Own bool
}

// Cluster is a running Kafka. It is safe for concurrent use, Stop, Kill and Restart aside.
type Cluster struct {
	cfg   Config
	addrs []string

	real   *apache // nil: it is the fake
	shared bool    // it goes on when this Cluster is closed

	mu       sync.Mutex
	fake     *kfake.Cluster
	proxy    *netfault.Proxy
	producer *kgo.Client
}

// ClusterID is what the fake's brokers call their cluster; ID says it of any.
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
		kfake.NumBrokers(max(1, c.cfg.Brokers)), kfake.ClusterID(ClusterID), kfake.ListenFn(c.listen),
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
	if c.cfg.NoTopicIDs {
		opts = append(opts, kfake.MaxVersions(kversion.V2_7_0()))
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

// listen is on loopback, and says, behind a proxy, that it is where the proxy is.
func (c *Cluster) listen(network, address string) (net.Listener, error) {
	l, err := listenLoopback(network, address)
	if err != nil || !c.cfg.Proxied {
		return l, err
	}
	if c.proxy, err = netfault.Start(l.Addr().String()); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return proxied{l, c.proxy}, nil
}

// proxied is a listener whose address is another's.
type proxied struct {
	net.Listener
	proxy *netfault.Proxy
}

// Addr is where clients are to connect.
func (p proxied) Addr() net.Addr {
	addr, err := net.ResolveTCPAddr("tcp", p.proxy.Addr())
	if err != nil {
		return p.Listener.Addr() // an address of net.Listen always resolves
	}
	return addr
}

// Proxy is what stands before the broker, if Config.Proxied.
func (c *Cluster) Proxy() *netfault.Proxy { return c.proxy }

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

// ID is what the brokers call their cluster.
func (c *Cluster) ID() string {
	if c.real != nil {
		return apacheID
	}
	return ClusterID
}

// Fake is the kfake cluster, for what only a fake does on request: faults, controls, moved leaders, batches that no broker
// would store. Restart makes a new one. A cluster of Apache Kafka has none, and a test that asks for it there is wrong.
func (c *Cluster) Fake() *kfake.Cluster {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fake == nil {
		panic("kafkatest: a test that may run on Apache Kafka asks for what only the fake does")
	}
	return c.fake
}

// Stop ends the brokers as an operator does: connections break, ports are free. The fake's logs without a DataDir are gone.
func (c *Cluster) Stop() { c.end(false) }

// Kill ends the brokers as the kernel does when memory is short. The fake knows no difference.
func (c *Cluster) Kill() { c.end(true) }

func (c *Cluster) end(kill bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.producer != nil {
		c.producer.Close()
		c.producer = nil
	}
	switch {
	case c.shared:
	case c.real != nil:
		c.real.stop(kill)
	default:
		c.fake.Close()
	}
}

// Restart brings stopped brokers back on the ports they had.
func (c *Cluster) Restart() error {
	if c.real != nil {
		return c.real.start()
	}
	return c.start()
}

// Close stops everything for good, the broker aside that tests share.
func (c *Cluster) Close() {
	c.Kill()
	if c.proxy != nil {
		c.proxy.Close()
	}
	if c.real != nil && c.real.temporary {
		_ = os.RemoveAll(filepath.Dir(c.real.dir)) // what stays is in the temporary folder of the machine
	}
}

var errNoClient = errors.New("kafka client is closed")

// client is the shared client for producing by hand-picked partition and for requests of one's own.
func (c *Cluster) client() (*kgo.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.producer != nil {
		return c.producer, nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(c.addrs...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(50*time.Millisecond)) // topics come and go under its feet
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", errors.Join(errNoClient, err))
	}
	c.producer = client
	return client, nil
}
