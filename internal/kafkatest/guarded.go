package kafkatest

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Who may come through SASL, by every mechanism. What Limited may do is what ACLs allow it; Worker may do everything.
const (
	Worker   = "worker"
	Limited  = "limited"
	Password = "kafkatest-7c1e0b"
)

// Guard says what a listener asks of those who come. Without any of it, nothing.
type Guard struct {
	// TLS is spoken, with a certificate of Guarded.CA for 127.0.0.1 and localhost.
	TLS bool
	// Certificates: those who come need one of Guarded.CA. Needs TLS.
	Certificates bool
	// SASL asks for Worker or Limited.
	SASL bool
	// Topics to create, by number of partitions.
	Topics map[string]int32
	// FakeTLS changes the configuration of TLS before the start, for what Apache Kafka is not asked to do: an expired
	// certificate, an old version.
	FakeTLS func(ca *CA, cfg *tls.Config) error
}

// Guarded is a Kafka that is entered through one guarded listener.
type Guarded struct {
	// Addr is the listener's.
	Addr string
	// CA signed the broker's certificate, and signs ours.
	CA *CA

	admin *kgo.Client
	fake  *kfake.Cluster // nil: it is Apache Kafka
	close func()
}

// Fake is the kfake cluster, for answers that only a fake gives on request. A test that asks Apache Kafka for it is wrong.
func (k *Guarded) Fake() *kfake.Cluster {
	if k.fake == nil {
		panic("kafkatest: a test that may run on Apache Kafka asks for what only the fake does")
	}
	return k.fake
}

// EitherGuarded starts what Either does, with a guard. Apache Kafka is shared between tests.
func EitherGuarded(t TB, g Guard) *Guarded {
	t.Helper()
	start := fakeGuarded
	switch kind := os.Getenv(kindVariable); kind {
	case "", "kfake":
	case "apache":
		start = apacheGuarded
	default:
		t.Fatalf("%s must be apache or empty, got %q", kindVariable, kind)
	}
	return runGuarded(t, g, start)
}

// RunGuarded starts a guarded fake for the duration of a test.
func RunGuarded(t TB, g Guard) *Guarded {
	t.Helper()
	return runGuarded(t, g, fakeGuarded)
}

func runGuarded(t TB, g Guard, start func(Guard) (*Guarded, error)) *Guarded {
	t.Helper()
	k, err := start(g)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(k.close)
	for topic, partitions := range g.Topics {
		if _, err := kadm.NewClient(k.admin).CreateTopic(context.Background(), partitions, 1, nil, topic); err != nil {
			t.Fatalf("create topic %s: %v", topic, err)
		}
	}
	return k
}

// Client is connected as one who may do everything.
func (k *Guarded) Client() *kgo.Client { return k.admin }

// Admin makes topics, users and ACLs.
func (k *Guarded) Admin() *kadm.Client { return kadm.NewClient(k.admin) }

func fakeGuarded(g Guard) (*Guarded, error) {
	ca, err := NewCA("kafkatest CA")
	if err != nil {
		return nil, err
	}
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.ClusterID(ClusterID), kfake.ListenFn(listenLoopback)}
	if g.TLS {
		cfg, err := fakeTLS(g, ca)
		if err != nil {
			return nil, err
		}
		opts = append(opts, kfake.TLS(cfg))
	}
	if g.SASL {
		opts = append(opts, kfake.EnableSASL(), kfake.EnableACLs())
		for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
			opts = append(opts, kfake.Superuser(mechanism, Worker, Password), kfake.User(mechanism, Limited, Password))
		}
	}
	fake, err := kfake.NewCluster(opts...)
	if err != nil {
		return nil, fmt.Errorf("start fake Kafka: %w", err)
	}
	k := &Guarded{Addr: fake.ListenAddrs()[0], CA: ca, fake: fake}
	if k.admin, err = newAdmin(g, k); err != nil {
		fake.Close()
		return nil, err
	}
	k.close = func() { k.admin.Close(); fake.Close() }
	return k, nil
}

func fakeTLS(g Guard, ca *CA) (*tls.Config, error) {
	cfg, err := ca.Server(Leaf{})
	if err != nil {
		return nil, err
	}
	if g.Certificates {
		cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool()
	}
	if g.FakeTLS != nil {
		return cfg, g.FakeTLS(ca, cfg)
	}
	return cfg, nil
}

// newAdmin connects through the guard, with all that it may ask for. It does not care about the broker's certificate.
func newAdmin(g Guard, k *Guarded) (*kgo.Client, error) {
	opts := []kgo.Opt{kgo.SeedBrokers(k.Addr), kgo.RecordPartitioner(kgo.ManualPartitioner())}
	if g.TLS {
		cfg, err := k.CA.Server(Leaf{})
		if err != nil {
			return nil, err
		}
		cfg.InsecureSkipVerify = true
		opts = append(opts, kgo.DialTLSConfig(cfg))
	}
	if g.SASL {
		opts = append(opts, kgo.SASL(scram.Auth{User: Worker, Pass: Password}.AsSha512Mechanism()))
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	return client, nil
}

// Files writes what a client needs into dir: the CA, and a certificate for leaf with its key.
func (k *Guarded) Files(dir string, leaf Leaf) (ca, cert, key string, err error) {
	return k.CA.Files(dir, "", leaf)
}

// caPath is where a broker of Apache Kafka finds the CA.
func caPath(dir string) string { return filepath.Join(dir, "ca.pem") }
