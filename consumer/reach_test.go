package consumer_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
)

const unreachable = "Kafka cannot be reached"

// silent is a port that takes connections with nobody behind it.
func silent(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	var accepting sync.WaitGroup
	accepting.Go(func() {
		var open []net.Conn
		for {
			nc, err := l.Accept()
			if err != nil {
				break
			}
			open = append(open, nc)
		}
		for _, nc := range open {
			_ = nc.Close()
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		accepting.Wait()
	})
	return l.Addr().String()
}

func clientOf(t *testing.T, brokers ...string) (*consumer.Client, *logbook) {
	t.Helper()
	log := newLogbook()
	client, err := consumer.New(consumer.Config{
		Brokers: brokers, GroupID: "g", Topics: []string{"t"}, MaxWait: 20 * time.Millisecond, SessionTimeout: 10 * time.Second,
		PartitionWatch: 50 * time.Millisecond, Logger: log.logger(), Access: consumer.Access{Plaintext: true},
	})
	must(t, err)
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return client, log
}

func TestBrokersThatDoNotAnswerAreSaidWithHowToMendIt(t *testing.T) {
	t.Parallel()
	hole := silent(t)
	for name, test := range map[string]struct {
		brokers []string
		want    []string
	}{
		"refused":           {[]string{"127.0.0.1:1"}, []string{"no broker of --brokers answers: 127.0.0.1:1 refuses the connection: check the address and that Kafka is up"}},
		"unknown host name": {[]string{"kafka.invalid:9092"}, []string{"kafka.invalid:9092 is a host name that", "check the address, the name server and that Kafka is up"}},
		"silent":            {[]string{hole}, []string{hole + " does not answer", "check the address, that no firewall is in the way and that Kafka is up"}},
		"several": {[]string{"127.0.0.1:1", "kafka.invalid"}, []string{
			"127.0.0.1:1 refuses the connection, kafka.invalid:9092 is a host name that", "check the address, the name server and that Kafka is up",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, log := clientOf(t, test.brokers...)
			ctx, cancel := context.WithCancel(patient(t))
			asked := make(chan error, 1)
			go func() {
				_, err := client.ClusterID(ctx)
				asked <- err
			}()
			log.wait(t, append(test.want, "level=WARN", unreachable)...)
			if err := client.Unreachable(); err == nil || !containsAll(err.Error(), test.want) {
				t.Errorf("want %q, got %v", test.want, err)
			}
			if err := client.Refused(); err != nil {
				t.Errorf("who does not answer refuses nothing, and yet: %v", err)
			}
			cancel()
			var access *consumer.AccessError
			if err := <-asked; !errors.As(err, &access) || !containsAll(err.Error(), test.want) {
				t.Errorf("who asked is told %v", err)
			}
		})
	}
}

func TestUnreachableKafkaIsSaidOnceAndAgainWhenItIsBack(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	cluster.Stop()
	client, log := clientOf(t, cluster.Addrs()...)
	w := startWorker(t, client)
	log.wait(t, "cannot join the consumer group", "failures=4")
	if n := log.count("level=WARN"); n != 1 || log.count(unreachable) != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
	must(t, cluster.Restart())
	w.wait(t, exactly("t/0"))
	log.wait(t, "level=INFO", "Kafka answers again", cluster.Addrs()[0])
	if err := client.Unreachable(); err != nil {
		t.Errorf("Kafka is back, and yet: %v", err)
	}
}

func TestOneBrokerThatAnswersIsEnough(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Run(t, kafkatest.Config{Topics: map[string]int32{"t": 1}})
	client, log := clientOf(t, append([]string{"127.0.0.1:1"}, cluster.Addrs()...)...)
	w := startWorker(t, client)
	w.wait(t, exactly("t/0"))
	if n := log.count(unreachable); n != 0 {
		t.Errorf("%d complaints", n)
	}
}
