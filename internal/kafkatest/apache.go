package kafkatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// jarsVariable names the folder of jars that `make kafka` fills.
	jarsVariable = "TRACETALLY_KAFKA_JARS"
	// apacheID is the cluster id that is given when the log folder is formatted.
	apacheID = "dHJhY2V0YWxseS10ZXN0cw"
	// bootTime bounds the start of a broker; it takes about 3 s of one core.
	bootTime = 90 * time.Second
	// stopTime bounds a clean stop, after which the process is killed.
	stopTime = 30 * time.Second
)

// apache is an Apache Kafka in a process of its own: KRaft, one node, on 127.0.0.1.
type apache struct {
	jars, dir string
	ports     [2]int // of the broker and of its controller
	temporary bool   // dir is ours to remove
	process   *os.Process
	ended     chan struct{} // closed when the process is gone
}

// newApache formats dir, which must be empty or not exist, for a broker on free ports. It does not start it.
func newApache(dir string, messageBytes int) (*apache, error) {
	jars := os.Getenv(jarsVariable)
	if found, _ := filepath.Glob(filepath.Join(jars, "kafka_*.jar")); jars == "" || len(found) == 0 {
		return nil, fmt.Errorf("find Apache Kafka: %s names no folder with its jars; run the tests with `make kafka`", jarsVariable)
	}
	a := &apache{jars: jars, dir: dir}
	var err error
	if a.ports, err = freePorts(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a folder for Kafka: %w", err)
	}
	if err := os.WriteFile(a.config(), a.properties(messageBytes), 0o600); err != nil {
		return nil, fmt.Errorf("write Kafka's configuration: %w", err)
	}
	out, err := a.java("kafka.tools.StorageTool", "format", "-t", apacheID, "-c", a.config()).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("format Kafka's log folder: %w\n%s", err, out)
	}
	return a, nil
}

// freePorts asks the kernel for two. Another process could take one before Kafka does; then its start fails.
func freePorts() (ports [2]int, err error) {
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return ports, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close() //nolint:errcheck // both stay open until both are known
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

func (a *apache) config() string { return filepath.Join(a.dir, "server.properties") }
func (a *apache) addr() string   { return fmt.Sprintf("127.0.0.1:%d", a.ports[0]) }

// properties is for one small node that tests wait for: no delay before a first join, a cleaner that looks often,
// timeouts of sessions as short as a test likes. https://kafka.apache.org/41/configuration/broker-configs/
func (a *apache) properties(messageBytes int) []byte {
	var b bytes.Buffer
	set := func(key string, value any) { fmt.Fprintf(&b, "%s=%v\n", key, value) }
	set("process.roles", "broker,controller")
	set("node.id", 1)
	set("controller.quorum.voters", fmt.Sprintf("1@127.0.0.1:%d", a.ports[1]))
	set("listeners", fmt.Sprintf("PLAINTEXT://%s,CONTROLLER://127.0.0.1:%d", a.addr(), a.ports[1]))
	set("advertised.listeners", "PLAINTEXT://"+a.addr())
	set("controller.listener.names", "CONTROLLER")
	set("log.dirs", filepath.Join(a.dir, "logs"))
	for _, key := range []string{
		"offsets.topic.replication.factor", "offsets.topic.num.partitions", "transaction.state.log.replication.factor",
		"transaction.state.log.min.isr", "transaction.state.log.num.partitions",
	} {
		set(key, 1)
	}
	set("group.initial.rebalance.delay.ms", 0)
	set("group.min.session.timeout.ms", 1000)
	set("auto.create.topics.enable", false)
	set("log.cleaner.backoff.ms", 200)
	set("message.max.bytes", max(messageBytes, 1<<20))
	return b.Bytes()
}

// java is a run of one of Kafka's programs. 512 MB are enough for one node; the cheap compiler and collector spare the
// machine, which tests share with the broker.
func (a *apache) java(class string, args ...string) *exec.Cmd {
	flags := []string{"-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", filepath.Join(a.jars, "*"), class}
	return exec.Command("java", append(flags, args...)...) //nolint:gosec // a test broker, whose arguments are ours
}

// start runs the broker and waits until it answers.
func (a *apache) start() error {
	out, err := os.OpenFile(filepath.Join(a.dir, "broker.out"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open a file for Kafka's messages: %w", err)
	}
	cmd := a.java("kafka.Kafka", a.config())
	cmd.Stdout, cmd.Stderr = out, out
	dieWithUs(cmd)
	started := make(chan error, 1)
	a.ended = make(chan struct{})
	go func() {
		defer close(a.ended)
		defer out.Close()      //nolint:errcheck // nothing is written to it by us
		runtime.LockOSThread() // the thread must outlive the broker, see dieWithUs
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // a stopped or killed broker has an exit code to match
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start Kafka: %w", err)
	}
	a.process = cmd.Process
	return a.awaitBoot()
}

// awaitBoot waits until the node serves as broker.
func (a *apache) awaitBoot() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(a.addr()))
	if err != nil {
		return fmt.Errorf("connect to Kafka: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), bootTime)
	defer cancel()
	for {
		m, err := kadm.NewClient(client).BrokerMetadata(ctx)
		if err == nil && len(m.Brokers) == 1 && m.Controller == 1 {
			return nil
		}
		select {
		case <-a.ended:
			return fmt.Errorf("start Kafka: it ended at once: %s", a.said())
		case <-ctx.Done():
			a.stop(true)
			return fmt.Errorf("start Kafka: %w: %s", errors.Join(ctx.Err(), err), a.said())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// said is what the broker wrote last.
func (a *apache) said() string {
	text, err := os.ReadFile(filepath.Join(a.dir, "broker.out"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// stop ends the process and waits until it is gone: at once and without a word to the log, or cleanly.
func (a *apache) stop(kill bool) {
	if a.process == nil {
		return
	}
	signal := os.Signal(syscall.SIGTERM)
	if kill {
		signal = os.Kill
	}
	_ = a.process.Signal(signal) // it may have ended by itself
	select {
	case <-a.ended:
	case <-time.After(stopTime):
		_ = a.process.Kill()
		<-a.ended
	}
	a.process = nil
}
