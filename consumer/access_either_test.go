package consumer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
	"github.com/tracetally/tracetally/internal/secret"
)

// secured sets the files of TLS.
func secured(a consumer.Access, f files, certificate bool) consumer.Access {
	a.CAFile = f.ca
	if certificate {
		a.CertFile, a.KeyFile = f.cert, f.key
	}
	return a
}

func TestGroupAndReaderComeInByEveryGuard(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		guard  kafkatest.Guard
		access consumer.Access
	}{
		"tls":               {guard: kafkatest.Guard{TLS: true}},
		"mtls":              {guard: kafkatest.Guard{TLS: true, Certificates: true}},
		"plain over tls":    {guard: kafkatest.Guard{TLS: true, SASL: true}, access: as(consumer.Plain, kafkatest.Worker)},
		"scram256 over tls": {guard: kafkatest.Guard{TLS: true, SASL: true}, access: as(consumer.ScramSHA256, kafkatest.Worker)},
		"scram512 over tls": {guard: kafkatest.Guard{TLS: true, SASL: true}, access: as(consumer.ScramSHA512, kafkatest.Worker)},
		"scram256":          {guard: kafkatest.Guard{SASL: true}, access: as(consumer.ScramSHA256, kafkatest.Worker)},
		"scram512":          {guard: kafkatest.Guard{SASL: true}, access: as(consumer.ScramSHA512, kafkatest.Worker)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.guard.Topics = map[string]int32{kafkatest.Name(t): 1}
			k := kafkatest.EitherGuarded(t, test.guard)
			fill(t, k, 10)
			if test.guard.TLS {
				test.access = secured(test.access, issue(t, k.CA, kafkatest.Leaf{}), test.guard.Certificates)
			}
			client, log := guardedClient(t, k, test.access)
			admitted(t, client, startWorker(t, client), 10)
			if n := log.count("does not let us in"); n != 0 {
				t.Errorf("%d complaints", n)
			}
		})
	}
}

func TestEveryRefusalSaysHowToMendIt(t *testing.T) {
	t.Parallel()
	wrong := func(a consumer.Access) consumer.Access {
		a.Password.Text = secret.New("a wrong password")
		return a
	}
	saslTLS := kafkatest.Guard{TLS: true, SASL: true}
	for name, test := range map[string]struct {
		guard  kafkatest.Guard
		access func(t *testing.T, k *kafkatest.Guarded) consumer.Access
		want   []string // the problem first
	}{
		"wrong password by PLAIN": {saslTLS, func(t *testing.T, k *kafkatest.Guarded) consumer.Access {
			return secured(wrong(as(consumer.Plain, kafkatest.Worker)), issue(t, k.CA, kafkatest.Leaf{}), false)
		}, []string{`it refuses user "worker" or the password, by PLAIN`, "TRACETALLY_KAFKA_PASSWORD"}},
		"wrong password by SCRAM": {kafkatest.Guard{SASL: true}, func(*testing.T, *kafkatest.Guarded) consumer.Access {
			return wrong(as(consumer.ScramSHA512, kafkatest.Worker))
		}, []string{`it refuses user "worker" or the password, by SCRAM-SHA-512`, "TRACETALLY_KAFKA_PASSWORD"}},
		"unknown user": {kafkatest.Guard{SASL: true}, func(*testing.T, *kafkatest.Guarded) consumer.Access {
			return as(consumer.ScramSHA256, "nobody")
		}, []string{`it refuses user "nobody" or the password`, "knows this user for this mechanism"}},
		"wrong CA": {kafkatest.Guard{TLS: true}, func(t *testing.T, _ *kafkatest.Guarded) consumer.Access {
			return secured(consumer.Access{}, issue(t, otherCA(t), kafkatest.Leaf{}), false)
		}, []string{"its certificate is signed by nobody we trust", "ca.pem (kafka-ca-file)"}},
		"CAs of the system": {kafkatest.Guard{TLS: true}, func(*testing.T, *kafkatest.Guarded) consumer.Access {
			return consumer.Access{TLS: true}
		}, []string{"its certificate is signed by nobody we trust", "give the certificate of its CA as kafka-ca-file"}},
		"wrong host name": {kafkatest.Guard{TLS: true}, func(t *testing.T, k *kafkatest.Guarded) consumer.Access {
			a := secured(consumer.Access{}, issue(t, k.CA, kafkatest.Leaf{}), false)
			a.ServerName = "kafka.example"
			return a
		}, []string{"its certificate is not for kafka.example", "kafka-server-name"}},
		"no certificate": {kafkatest.Guard{TLS: true, Certificates: true}, func(t *testing.T, k *kafkatest.Guarded) consumer.Access {
			return secured(consumer.Access{}, issue(t, k.CA, kafkatest.Leaf{}), false)
		}, []string{"certificate of ours", "kafka-cert-file"}},
		"certificate of another CA": {kafkatest.Guard{TLS: true, Certificates: true}, func(t *testing.T, k *kafkatest.Guarded) consumer.Access {
			theirs, ours := issue(t, k.CA, kafkatest.Leaf{}), issue(t, otherCA(t), kafkatest.Leaf{})
			return secured(consumer.Access{}, files{theirs.ca, ours.cert, ours.key}, true)
		}, []string{"it refuses our certificate", "truststore"}},
		"our certificate expired": {kafkatest.Guard{TLS: true, Certificates: true}, func(t *testing.T, k *kafkatest.Guarded) consumer.Access {
			return secured(consumer.Access{}, issue(t, k.CA, kafkatest.Leaf{NotAfter: time.Now().Add(-time.Minute)}), true)
		}, []string{"our certificate", "kafka-cert-file"}},
		"no TLS to a port with TLS": {kafkatest.Guard{TLS: true}, func(*testing.T, *kafkatest.Guarded) consumer.Access {
			return consumer.Access{}
		}, []string{"", "kafka-tls"}},
		"SCRAM without TLS to a port with TLS": {saslTLS, func(*testing.T, *kafkatest.Guarded) consumer.Access {
			return as(consumer.ScramSHA256, kafkatest.Worker)
		}, []string{"", "kafka-tls"}},
		"TLS to a port without TLS": {kafkatest.Guard{SASL: true}, func(*testing.T, *kafkatest.Guarded) consumer.Access {
			return consumer.Access{TLS: true}
		}, []string{"in TLS", "SASL_SSL listener"}},
		"no SASL to a port with SASL": {kafkatest.Guard{SASL: true}, func(*testing.T, *kafkatest.Guarded) consumer.Access {
			return consumer.Access{}
		}, []string{"it hangs up on every new connection", "kafka-sasl"}},
		"no SASL to a port with SASL over TLS": {saslTLS, func(t *testing.T, k *kafkatest.Guarded) consumer.Access {
			return secured(consumer.Access{}, issue(t, k.CA, kafkatest.Leaf{}), false)
		}, []string{"it hangs up on every new connection", "kafka-sasl"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.guard.Topics = map[string]int32{kafkatest.Name(t): 1}
			k := kafkatest.EitherGuarded(t, test.guard)
			client, log := guardedClient(t, k, test.access(t, k))
			startWorker(t, client)
			err := refusal(t, client, test.want[0])
			if text := err.Error(); !containsAll(text, test.want) || !strings.Contains(text, k.Addr) || strings.Contains(text, "\n") {
				t.Errorf("want one line with %q and %s, got %q", test.want, k.Addr, text)
			}
			for _, secret := range []string{kafkatest.Password, "a wrong password"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the password is in %q", err)
				}
			}
			log.wait(t, "cannot join the consumer group", test.want[1])
			if client.Refused() == nil {
				t.Error("the client does not know that it is refused")
			}
		})
	}
}

func TestRefusalIsSaidOnceAndEndsWhenThePasswordIsMended(t *testing.T) {
	t.Parallel()
	k := kafkatest.EitherGuarded(t, kafkatest.Guard{SASL: true, Topics: map[string]int32{kafkatest.Name(t): 1}})
	fill(t, k, 3)
	access := as(consumer.ScramSHA256, kafkatest.Worker)
	access.Password.File = filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(access.Password.File, []byte("outdated\n"), 0o600))
	client, log := guardedClient(t, k, access)
	w := startWorker(t, client)
	refusal(t, client, access.Password.File)
	for log.count("cannot join the consumer group") < 3 {
		log.wait(t, "failures=3")
	}
	if n := log.count("level=WARN"); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
	must(t, os.WriteFile(access.Password.File, []byte(kafkatest.Password+"\n"), 0o600))
	admitted(t, client, w, 3)
	log.wait(t, "level=INFO", "lets us in again", k.Addr)
}

func TestReplacedPasswordServesTheNextConnection(t *testing.T) {
	t.Parallel()
	k := kafkatest.EitherGuarded(t, kafkatest.Guard{SASL: true, Topics: map[string]int32{kafkatest.Name(t): 1}})
	fill(t, k, 3)
	user := kafkatest.Name(t)
	setPassword := func(password string) {
		res, err := k.Admin().AlterUserSCRAMs(patient(t), nil, []kadm.UpsertSCRAM{{User: user, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: password}})
		must(t, err)
		must(t, res.Error())
	}
	grant(t, k, user, topicRead(kafkatest.Name(t)), groupRead(kafkatest.Name(t)))
	setPassword("the first password")
	access := as(consumer.ScramSHA512, user)
	access.Password.File = filepath.Join(t.TempDir(), "password")
	must(t, os.WriteFile(access.Password.File, []byte("the first password"), 0o600))
	first, _ := guardedClient(t, k, access)
	readTo(t, first.Reader(kafkatest.Name(t), 0, 0), 3)

	setPassword("the second password")
	must(t, os.WriteFile(access.Password.File, []byte("the second password"), 0o600))
	w := startWorker(t, first) // the group's connections are new
	admitted(t, first, w, 3)
}
