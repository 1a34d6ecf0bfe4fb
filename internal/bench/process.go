package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// The hidden first arguments under which this program is one of the processes that it measures or needs.
const (
	roleBroker   = "role-broker"
	roleNaive    = "role-naive"
	roleReader   = "role-reader"
	roleProfiled = "role-profiled"
)

// urlVariable carries the database's URL to a process: a command line would show the password to everybody.
const urlVariable = "TRACETALLY_POSTGRES_URL"

// stopGrace is how long a process may take to end after it was told to.
const stopGrace = 20 * time.Second

// process is a child whose standard input ends with us: one that reads it cannot outlive this program.
type process struct {
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Reader
	// ended is closed when it has ended; err, to be read after that, is how.
	ended chan struct{}
	err   error
}

// start runs a program of ours. The context ends it, politely first.
func start(ctx context.Context, program string, env []string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // this program, or the one named on the command line
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopGrace
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	// A pipe of our own: that of StdoutPipe is closed by Wait, maybe before the last line was read.
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", program, err)
	}
	cmd.Stdout = write
	err = cmd.Start()
	if err := errors.Join(err, write.Close()); err != nil {
		return nil, fmt.Errorf("start %s: %w", program, errors.Join(err, read.Close()))
	}
	p := &process{cmd: cmd, in: in, out: bufio.NewReader(read), ended: make(chan struct{})}
	go func() {
		defer close(p.ended)
		p.err = cmd.Wait()
	}()
	return p, nil
}

// startSelf runs this program in a role.
func startSelf(ctx context.Context, env []string, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return start(ctx, self, env, args...)
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// line is the next line that it prints.
func (p *process) line() (string, error) {
	text, err := p.out.ReadString('\n')
	if err != nil {
		return "", fmt.Errorf("read what %s prints: %w", p.cmd.Args[0], err)
	}
	return strings.TrimSpace(text), nil
}

// stop tells it to end and waits until it has.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	return p.wait()
}

// wait waits until it has ended by itself.
func (p *process) wait() error {
	<-p.ended
	_ = p.in.Close() // Wait has closed it
	if p.err != nil {
		return fmt.Errorf("%s ended: %w", p.cmd.Args[0], p.err)
	}
	return nil
}

// cpu is the user and system time that it used, once it has ended.
func (p *process) cpu() time.Duration {
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
}
