package kafkatest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// guarded is the Apache Kafka with guarded listeners of this test binary, beside the one without.
var guarded struct {
	mu     sync.Mutex
	broker *apache
	ca     *CA
	addrs  map[string]string // by listener
}

// listeners are the guards that the broker has, under the names that they have in its configuration.
func listeners() map[string]Guard {
	return map[string]Guard{
		"TLS": {TLS: true}, "MTLS": {TLS: true, Certificates: true}, "SASLTLS": {TLS: true, SASL: true}, "SASLONLY": {SASL: true},
	}
}

// apacheGuarded gives the listener that is guarded so.
func apacheGuarded(g Guard) (*Guarded, error) {
	guarded.mu.Lock()
	defer guarded.mu.Unlock()
	if g.FakeTLS != nil {
		return nil, fmt.Errorf("start Apache Kafka: it does not bend TLS; use RunGuarded")
	}
	if guarded.broker == nil {
		if err := startGuarded(); err != nil {
			return nil, err
		}
	}
	k := &Guarded{Addr: guarded.broker.addr(), CA: guarded.ca}
	for name, have := range listeners() {
		if have.TLS == g.TLS && have.Certificates == g.Certificates && have.SASL == g.SASL {
			k.Addr = guarded.addrs[name]
		}
	}
	var err error
	if k.admin, err = kgo.NewClient(kgo.SeedBrokers(guarded.broker.addr()), kgo.RecordPartitioner(kgo.ManualPartitioner())); err != nil {
		return nil, fmt.Errorf("connect to Kafka: %w", err)
	}
	k.close = k.admin.Close
	return k, nil
}

func startGuarded() error {
	dir, err := os.MkdirTemp("", "kafkatest-")
	if err != nil {
		return fmt.Errorf("make a folder for Kafka: %w", err)
	}
	broker, err := newApache(filepath.Join(dir, "kafka"), 0)
	if err != nil {
		return err
	}
	broker.temporary = true
	if guarded.ca, err = NewCA("kafkatest CA"); err != nil {
		return err
	}
	if guarded.addrs, err = guard(broker, guarded.ca); err != nil {
		return err
	}
	if err := broker.start(); err != nil {
		return err
	}
	guarded.broker = broker
	return addUsers(broker)
}

// guard adds the listeners to the broker's configuration; of two lines with the same key the later one holds.
// https://kafka.apache.org/41/security/
func guard(a *apache, ca *CA) (map[string]string, error) {
	cert, key, err := ca.Issue(Leaf{})
	if err != nil {
		return nil, err
	}
	keystore := filepath.Join(a.dir, "keystore.pem")
	for path, text := range map[string][]byte{keystore: append(key, cert...), caPath(a.dir): ca.PEM()} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return nil, fmt.Errorf("write certificates: %w", err)
		}
	}
	addrs := map[string]string{}
	all := []string{"PLAINTEXT://" + a.addr()}
	protocols := []string{"PLAINTEXT:PLAINTEXT", "CONTROLLER:PLAINTEXT"}
	var b bytes.Buffer
	set := func(key, value string) { fmt.Fprintf(&b, "%s=%s\n", key, value) }
	for name, g := range listeners() {
		ports, err := freePorts()
		if err != nil {
			return nil, err
		}
		addrs[name] = fmt.Sprintf("127.0.0.1:%d", ports[0])
		all = append(all, name+"://"+addrs[name])
		protocols = append(protocols, name+":"+protocolOf(g))
		prefix := "listener.name." + strings.ToLower(name) + "."
		if g.Certificates {
			set(prefix+"ssl.client.auth", "required")
		}
		if g.SASL {
			users := fmt.Sprintf("user_%s=\"%s\" user_%s=\"%s\"", Worker, Password, Limited, Password)
			set(prefix+"plain.sasl.jaas.config", "org.apache.kafka.common.security.plain.PlainLoginModule required "+users+";")
			for _, mechanism := range []string{"scram-sha-256", "scram-sha-512"} {
				set(prefix+mechanism+".sasl.jaas.config", "org.apache.kafka.common.security.scram.ScramLoginModule required;")
			}
		}
	}
	set("listeners", strings.Join(append(all, fmt.Sprintf("CONTROLLER://127.0.0.1:%d", a.ports[1])), ","))
	set("advertised.listeners", strings.Join(all, ","))
	set("listener.security.protocol.map", strings.Join(protocols, ","))
	set("inter.broker.listener.name", "PLAINTEXT")
	set("sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512")
	set("ssl.keystore.type", "PEM")
	set("ssl.keystore.location", keystore)
	set("ssl.truststore.type", "PEM")
	set("ssl.truststore.location", caPath(a.dir))
	set("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer")
	set("super.users", "User:ANONYMOUS;User:"+Worker+";User:CN=kafkatest")
	f, err := os.OpenFile(a.config(), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open Kafka's configuration: %w", err)
	}
	defer f.Close() //nolint:errcheck // the write tells
	if _, err := f.Write(b.Bytes()); err != nil {
		return nil, fmt.Errorf("write Kafka's configuration: %w", err)
	}
	return addrs, nil
}

func protocolOf(g Guard) string {
	switch {
	case g.TLS && g.SASL:
		return "SASL_SSL"
	case g.TLS:
		return "SSL"
	}
	return "SASL_PLAINTEXT"
}

// addUsers makes the users of SCRAM; those of PLAIN are in the configuration.
func addUsers(a *apache) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(a.addr()))
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	for _, user := range []string{Worker, Limited} {
		for _, mechanism := range []kadm.ScramMechanism{kadm.ScramSha256, kadm.ScramSha512} {
			res, err := kadm.NewClient(client).AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{User: user, Mechanism: mechanism, Iterations: 4096, Password: Password}})
			if err == nil {
				err = res.Error()
			}
			if err != nil {
				return fmt.Errorf("make user %s: %w", user, err)
			}
		}
	}
	return nil
}

// stopGuarded stops the broker with guarded listeners, if a test has started it.
func stopGuarded() error {
	guarded.mu.Lock()
	defer guarded.mu.Unlock()
	if guarded.broker == nil {
		return nil
	}
	guarded.broker.stop(true)
	dir := filepath.Dir(guarded.broker.dir)
	guarded.broker = nil
	return os.RemoveAll(dir)
}
