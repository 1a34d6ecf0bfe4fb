package localpg

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// portTries is how often Start picks another port because someone took the one that was free a moment before.
const portTries = 5

// errEnded is what waitReady says of a server that gave up before it answered.
var errEnded = errors.New("the server ended at once")

// initCluster runs initdb. The password travels in a file that is removed afterwards, never in argv.
func (s *Server) initCluster(ctx context.Context) error {
	pwfile := filepath.Join(s.dir, "password")
	if err := os.WriteFile(pwfile, []byte(s.password+"\n"), 0o600); err != nil {
		return err
	}
	defer func() { _ = os.Remove(pwfile) }()
	for _, path := range []string{s.dir, pwfile} {
		if err := s.who.own(path); err != nil {
			return err
		}
	}
	args := []string{
		"-D", s.data(), "-U", user, "-E", "UTF8", "--no-locale", "--no-sync", "--auth=scram-sha-256", "--pwfile=" + pwfile,
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), args...) //nolint:gosec // where findPrograms found it
	s.prepare(cmd)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run initdb: %w: %s", err, bytes.TrimSpace(out.Bytes()))
	}
	return nil
}

// listen starts the server on a free port of the loopback interface.
func (s *Server) listen(ctx context.Context) error {
	var err error
	for range portTries {
		if s.port, err = freePort(); err != nil {
			return fmt.Errorf("find a free port: %w", err)
		}
		if err = s.serve(ctx); !errors.Is(err, errEnded) {
			return err
		}
	}
	return err
}

// serve starts the server on its port and waits until it answers.
func (s *Server) serve(ctx context.Context) (err error) {
	args := serverArgs(s.data(), s.port, s.settings)
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), args...) //nolint:gosec // where findPrograms found it
	s.prepare(cmd)
	logPath := filepath.Join(s.dir, "server.log")
	if s.proc, err = startProcess(cmd, logPath); err != nil {
		return fmt.Errorf("start the server: %w", err)
	}
	if err := s.waitReady(ctx); err != nil {
		return fmt.Errorf("wait for the server: %w: %s", err, tail(logPath))
	}
	return nil
}

// prepare gives a program a directory that its user may enter and a bare environment without this process's PG variables.
func (s *Server) prepare(cmd *exec.Cmd) {
	cmd.Dir = s.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	detach(cmd, s.who)
}

func serverArgs(data string, port int, settings map[string]string) []string {
	all := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": "",
		"fsync":                   "off",
		"max_connections":         "200",
		"shared_buffers":          "128MB",
		"timezone":                "UTC",
		"log_min_messages":        "warning",
		"logging_collector":       "off",
	}
	maps.Copy(all, settings)
	args := []string{"-D", data}
	for _, k := range slices.Sorted(maps.Keys(all)) {
		args = append(args, "-c", k+"="+all[k])
	}
	return args
}

// waitReady asks until the server answers a query.
func (s *Server) waitReady(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := ping(ctx, s.URL("postgres")); err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.proc.done:
			return errEnded
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func ping(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

func randomPassword() string { return rand.Text() }

// tail is the end of the server's log, for an error message.
func tail(path string) []byte {
	b, err := os.ReadFile(path) //nolint:gosec // our own log file
	if err != nil {
		return nil
	}
	return bytes.TrimSpace(b[max(0, len(b)-2000):])
}
