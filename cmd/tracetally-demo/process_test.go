package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// childVariable makes this test binary be the demo itself, so that it can be started and signalled as a process.
const childVariable = "TRACETALLY_DEMO_CHILD"

// processLimit ends a child that hangs; nothing depends on how long it takes otherwise.
const processLimit = 2 * time.Minute

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}

// child is the demo as a process with a temporary directory of its own.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines *bufio.Scanner
	tmp   string
	text  strings.Builder
	errs  bytes.Buffer
	// postgresPort is where the child's PostgreSQL listens; readPort finds it.
	postgresPort string
}

func startChild(t *testing.T, args ...string) *child {
	t.Helper()
	tmp, err := os.MkdirTemp("", "tracetally-demo-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	if err := os.Chmod(tmp, 0o755); err != nil { // as root, PostgreSQL runs as another user, who must get in
		t.Fatal(err)
	}
	c := &child{t: t, tmp: tmp, cmd: exec.Command(os.Args[0], args...)}
	c.cmd.Env = append(os.Environ(), childVariable+"=1", "TMPDIR="+tmp)
	c.cmd.Stderr = &c.errs
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hung := time.AfterFunc(processLimit, func() { _ = c.cmd.Process.Kill() })
	t.Cleanup(func() { hung.Stop() })
	return c
}

// until reads what the child prints up to a line that holds text.
func (c *child) until(text string) {
	c.t.Helper()
	for c.lines.Scan() {
		c.text.WriteString(c.lines.Text() + "\n")
		if strings.Contains(c.lines.Text(), text) {
			return
		}
	}
	c.t.Fatalf("no %q in\n%s\n%s", text, c.text.String(), c.errs.String())
}

// readPort follows the line for psql while its files are there.
func (c *child) readPort() {
	c.t.Helper()
	file := regexp.MustCompile(`PGSERVICEFILE=(\S+)`).FindStringSubmatch(c.text.String())
	if file == nil {
		c.t.Fatalf("no line for psql in\n%s", c.text.String())
	}
	text, err := os.ReadFile(file[1])
	if err != nil {
		c.t.Fatal(err)
	}
	c.postgresPort = regexp.MustCompile(`(?m)^port=(\d+)$`).FindStringSubmatch(string(text))[1]
}

func (c *child) signal(s os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// exit reads the rest and returns the exit code.
func (c *child) exit() int {
	for c.lines.Scan() {
		c.text.WriteString(c.lines.Text() + "\n")
	}
	_ = c.cmd.Wait()
	return c.cmd.ProcessState.ExitCode()
}

// leavesNothing demands that every port that was printed is closed and every file is gone.
func (c *child) leavesNothing() {
	c.t.Helper()
	ports := regexp.MustCompile(`127\.0\.0\.1:(\d+)`).FindAllStringSubmatch(c.text.String(), -1)
	ports = append(ports, []string{"", c.postgresPort})
	if c.postgresPort == "" || len(ports) < 2 {
		c.t.Errorf("only %d addresses were printed:\n%s", len(ports), c.text.String())
	}
	for _, p := range ports {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+p[1]); err == nil {
			_ = conn.Close()
			c.t.Errorf("someone still listens on port %s", p[1])
		}
	}
	left, err := os.ReadDir(c.tmp)
	if err != nil || len(left) != 0 {
		c.t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestSignalsStopEverythingAndLeaveNothingBehind(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			c := startChild(t, "--rate", "50", "--kafka-port", freePort(t), "--metrics-port", freePort(t))
			c.until("events/s")
			c.readPort()
			c.until("events/s")
			c.signal(s)
			// A machine that is too busy to read the rest in time says so; it must not say that something is wrong.
			code, agreed := c.exit(), strings.Contains(c.text.String(), "figures agree")
			if (code == 0) != agreed || strings.Contains(c.text.String(), "DIFFER") {
				t.Errorf("exit code %d\n%s\n%s", code, c.text.String(), c.errs.String())
			}
			c.leavesNothing()
		})
	}
}

func TestASecondSignalStopsAtOnceAndLeavesNothingBehind(t *testing.T) {
	// Without a worker nobody ever reads the records, so the first signal alone would wait.
	c := startChild(t, "--rate", "50", "--kafka-port", freePort(t), "--no-worker")
	c.until("events/s")
	c.readPort()
	c.signal(syscall.SIGINT)
	c.until("no more records")
	c.signal(syscall.SIGINT)
	if code := c.exit(); code != exitForced {
		t.Errorf("exit code %d\n%s\n%s", code, c.text.String(), c.errs.String())
	}
	c.leavesNothing()
}

func TestAnInterruptedStartLeavesNothingBehind(t *testing.T) {
	c := startChild(t, "--kafka-port", freePort(t))
	c.until("Kafka ")
	c.signal(syscall.SIGINT)
	if code := c.exit(); code == 0 {
		t.Errorf("exit code 0\n%s", c.text.String())
	}
	left, err := os.ReadDir(c.tmp)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestARunOfSomeSecondsAgreesWithItsBooks(t *testing.T) {
	c := startChild(t, "--for", "6s", "--rate", "300", "--seed", "1", "--kafka-port", freePort(t), "--metrics-port", freePort(t))
	c.until("events/s")
	c.readPort()
	if code := c.exit(); code != 0 || !strings.Contains(c.text.String(), "figures agree") {
		t.Errorf("exit code %d\n%s\n%s", code, c.text.String(), c.errs.String())
	}
	c.leavesNothing()
}

// freePort is a port that nobody has at the moment, so that tests leave the usual ones alone.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr().(*net.TCPAddr).Port)
}
