package consumer_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
	"github.com/tracetally/tracetally/internal/secret"
)

func TestBadCertificatesOfBrokersAreExplained(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		bend func(ca *kafkatest.CA, cfg *tls.Config) error
		want []string
	}{
		"expired":       {reissue(kafkatest.Leaf{NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}), []string{"has expired at 20", "renew it"}},
		"not yet valid": {reissue(kafkatest.Leaf{NotBefore: time.Now().Add(time.Hour), NotAfter: time.Now().Add(2 * time.Hour)}), []string{"is not valid before 20", "clock"}},
		"other host":    {reissue(kafkatest.Leaf{Hosts: []string{"kafka.example"}}), []string{"its certificate is not for 127.0.0.1", "kafka-server-name"}},
		"TLS 1.1": {func(_ *kafkatest.CA, cfg *tls.Config) error {
			cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
			return nil
		}, []string{"no version of TLS in common", "TLS 1.2 or 1.3"}},
		"TLS 1.2 and no certificate of ours": {func(ca *kafkatest.CA, cfg *tls.Config) error {
			cfg.MaxVersion, cfg.ClientAuth, cfg.ClientCAs = tls.VersionTLS12, tls.RequireAndVerifyClientCert, ca.Pool()
			return nil
		}, []string{"it refuses us, perhaps for want of a certificate of ours", "kafka-cert-file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := kafkatest.RunGuarded(t, kafkatest.Guard{TLS: true, FakeTLS: test.bend})
			client, _ := guardedClient(t, k, secured(consumer.Access{}, issue(t, k.CA, kafkatest.Leaf{}), false))
			if err := refusal(t, client, test.want[0]); !containsAll(err.Error(), test.want) {
				t.Errorf("want %q, got %v", test.want, err)
			}
		})
	}
}

func TestRefusedMechanismSaysWhatIsOffered(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		code    int16
		offered []string
		want    []string
	}{
		"not offered": {kerr.UnsupportedSaslMechanism.Code, []string{"OAUTHBEARER", "PLAIN"}, []string{"it does not offer SCRAM-SHA-512", "what it offers: OAUTHBEARER, PLAIN"}},
		"no SASL":     {kerr.IllegalSaslState.Code, nil, []string{"it does not use SASL on this port", "leave kafka-sasl out"}},
		"other":       {kerr.UnknownServerError.Code, nil, []string{"it refuses SCRAM-SHA-512", "see the broker's log"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := kafkatest.RunGuarded(t, kafkatest.Guard{SASL: true})
			k.Fake().ControlKey(kmsg.SASLHandshake.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
				k.Fake().KeepControl()
				res := req.ResponseKind().(*kmsg.SASLHandshakeResponse)
				res.ErrorCode, res.SupportedMechanisms = test.code, test.offered
				return res, nil, true
			})
			client, log := guardedClient(t, k, as(consumer.ScramSHA512, kafkatest.Worker))
			startWorker(t, client)
			if err := refusal(t, client, test.want[0]); !containsAll(err.Error(), test.want) {
				t.Errorf("want %q, got %v", test.want, err)
			}
			log.wait(t, "cannot join the consumer group", test.want[1])
		})
	}
}

// reissue gives the broker a certificate for leaf.
func reissue(leaf kafkatest.Leaf) func(*kafkatest.CA, *tls.Config) error {
	return func(ca *kafkatest.CA, cfg *tls.Config) error {
		bad, err := ca.Server(leaf)
		if err == nil {
			cfg.Certificates = bad.Certificates
		}
		return err
	}
}

func TestReplacedCertificatesServeTheNextConnection(t *testing.T) {
	t.Parallel()
	k := kafkatest.RunGuarded(t, kafkatest.Guard{TLS: true, Certificates: true, Topics: map[string]int32{kafkatest.Name(t): 1}})
	fill(t, k, 2)
	f := issue(t, otherCA(t), kafkatest.Leaf{})
	client, _ := guardedClient(t, k, secured(consumer.Access{}, f, true))
	w := startWorker(t, client)
	refusal(t, client, "signed by nobody we trust")
	_, _, _, err := k.CA.Files(filepath.Dir(f.ca), "", kafkatest.Leaf{})
	must(t, err)
	admitted(t, client, w, 2)
}

func TestUnreadableFileAtRunTimeIsNamed(t *testing.T) {
	t.Parallel()
	k := kafkatest.RunGuarded(t, kafkatest.Guard{TLS: true})
	f := issue(t, k.CA, kafkatest.Leaf{})
	client, _ := guardedClient(t, k, secured(consumer.Access{}, f, false))
	must(t, os.Remove(f.ca))
	if err := refusal(t, client, f.ca); !strings.Contains(err.Error(), "kafka-ca-file") {
		t.Errorf("got %v", err)
	}
}

func TestAccessIsCheckedAllAtOnceAndSaysNoSecret(t *testing.T) {
	t.Parallel()
	ca, err := kafkatest.NewCA("test")
	must(t, err)
	f, other := issue(t, ca, kafkatest.Leaf{}), issue(t, ca, kafkatest.Leaf{})
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	const canary = "canary-81fe"
	encrypted := write("encrypted.pem", string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte(canary)})))
	password := secret.Source{Text: secret.New(canary)}
	remote, local := []string{"kafka-1.example:9093"}, []string{"127.0.0.1:9092", "localhost:9092", "[::1]:9092"}
	for name, test := range map[string]struct {
		access  consumer.Access
		brokers []string
		want    []string // none: it is good
	}{
		"nothing, remote":       {brokers: remote},
		"nothing, local":        {brokers: local},
		"plaintext, remote":     {access: consumer.Access{Plaintext: true}, brokers: remote},
		"all of TLS":            {access: consumer.Access{CAFile: f.ca, CertFile: f.cert, KeyFile: f.key, ServerName: "x"}, brokers: local},
		"PLAIN, remote":         {access: consumer.Access{Mechanism: consumer.Plain, User: "u", Password: password}, brokers: remote},
		"PLAIN, local":          {access: consumer.Access{Mechanism: consumer.Plain, User: "u", Password: password}, brokers: local, want: []string{"needs TLS, on loopback too"}},
		"PLAIN, local with TLS": {access: consumer.Access{TLS: true, Mechanism: consumer.Plain, User: "u", Password: password}, brokers: local},
		"PLAIN in plaintext":    {access: consumer.Access{Plaintext: true, Mechanism: consumer.Plain, User: "u", Password: password}, brokers: remote, want: []string{"needs TLS"}},
		"SCRAM, local":          {access: consumer.Access{Mechanism: consumer.ScramSHA256, User: "u", Password: password}, brokers: local},
		"opposites":             {access: consumer.Access{TLS: true, Plaintext: true}, brokers: remote, want: []string{"kafka-plaintext: is the opposite"}},
		"half a pair":           {access: consumer.Access{CertFile: f.cert}, brokers: remote, want: []string{"one needs the other"}},
		"user alone":            {access: consumer.Access{User: "u"}, brokers: remote, want: []string{"need kafka-sasl"}},
		"many": {access: consumer.Access{Mechanism: "GSSAPI", CAFile: write("no-ca", canary), CertFile: f.cert, KeyFile: encrypted}, brokers: remote,
			want: []string{"kafka-sasl: must be one of", "kafka-user: required", "kafka-password-file: required", "no-ca has no certificate in PEM", "encrypted.pem is encrypted"}},
		"key of another":  {access: consumer.Access{CertFile: f.cert, KeyFile: other.key}, brokers: remote, want: []string{f.cert, other.key}},
		"absent files":    {access: consumer.Access{CAFile: "/absent/ca", CertFile: "/absent/cert", KeyFile: "/absent/key"}, brokers: remote, want: []string{"kafka-ca-file: ", "kafka-cert-file: ", "kafka-key-file: "}},
		"absent password": {access: consumer.Access{Mechanism: consumer.ScramSHA256, User: "u", Password: secret.Source{File: "/absent/password"}}, brokers: remote, want: []string{"kafka-password-file: ", "/absent/password"}},
		"odd password":    {access: consumer.Access{Mechanism: consumer.ScramSHA256, User: "u", Password: secret.Source{Text: secret.New(canary + "\x07")}}, brokers: remote, want: []string{"SCRAM does not admit"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := test.access.Validate(test.brokers)
			if len(test.want) == 0 && err != nil {
				t.Errorf("refused: %v", err)
			}
			if len(test.want) > 0 && (err == nil || !containsAll(err.Error(), test.want)) {
				t.Errorf("want %q, got %v", test.want, err)
			}
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Errorf("a secret is in %v", err)
			}
		})
	}
}

func TestProducersTransportHasTheSameAccess(t *testing.T) {
	t.Parallel()
	name := kafkatest.Name(t)
	k := kafkatest.RunGuarded(t, kafkatest.Guard{TLS: true, SASL: true, Topics: map[string]int32{name: 1}})
	access := secured(as(consumer.Plain, kafkatest.Worker), issue(t, k.CA, kafkatest.Leaf{}), false)
	send := func(a consumer.Access) error {
		transport, err := consumer.NewTransport(a, []string{k.Addr}, "test", nil)
		must(t, err)
		defer transport.CloseIdleConnections()
		w := kafka.Writer{Addr: kafka.TCP(k.Addr), Topic: name, Transport: transport, BatchTimeout: time.Millisecond}
		defer w.Close()
		return w.WriteMessages(patient(t), kafka.Message{Value: []byte("x")})
	}
	must(t, send(access))
	access.Password.Text = secret.New("a wrong password")
	if err := send(access); err == nil || !strings.Contains(err.Error(), `it refuses user "worker"`) {
		t.Errorf("got %v", err)
	}
}

func TestFilesAreTakenIfCryptoTLSTakesThem(t *testing.T) {
	t.Parallel()
	ca, err := kafkatest.NewCA("property")
	must(t, err)
	cert, key, err := ca.Issue(kafkatest.Leaf{})
	must(t, err)
	pieces := []string{string(ca.PEM()), string(cert), string(key), "", "\x00", "-----BEGIN CERTIFICATE-----\n", "# a comment\n",
		"-----BEGIN RSA PRIVATE KEY-----\nDEK-Info: x\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"}
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		var texts [][]byte
		var paths []string
		for _, name := range []string{"ca", "cert", "key"} {
			text := []byte(strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 3).Draw(t, name), ""))
			if len(text) > 0 && rapid.IntRange(0, 3).Draw(t, "damage "+name) == 0 {
				text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] ^= 1
			}
			texts, paths = append(texts, text), append(paths, filepath.Join(dir, name))
			if err := os.WriteFile(paths[len(paths)-1], text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := consumer.Access{CAFile: paths[0], CertFile: paths[1], KeyFile: paths[2]}.Validate([]string{"kafka.example:9093"})
		_, pairErr := tls.X509KeyPair(texts[1], texts[2])
		good := x509.NewCertPool().AppendCertsFromPEM(texts[0]) && pairErr == nil
		if good && err != nil && !strings.Contains(err.Error(), "is encrypted") || !good && err == nil {
			t.Errorf("crypto/tls takes it: %v; we say %v", good, err)
		}
	})
}
