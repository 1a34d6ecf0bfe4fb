package localpg

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func answer(t *testing.T, url string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var encoding string
	if err := conn.QueryRow(t.Context(), "select current_setting('server_encoding')").Scan(&encoding); err != nil {
		t.Fatalf("query: %v", err)
	}
	return encoding
}

func TestServerAnswersAndLeavesNothingBehind(t *testing.T) {
	s, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	if got := answer(t, s.URL("postgres")); got != "UTF8" {
		t.Errorf("encoding = %q, want UTF8", got)
	}
	pid, dir := s.Pid(), s.dir
	if group, err := syscall.Getpgid(pid); err != nil || group == syscall.Getpgrp() {
		t.Errorf("the server is in our process group %d (%v): Ctrl-C would reach it before Close", group, err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatalf("close: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there: %v", dir, err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("server %d is still there: %v", pid, err)
	}
}

func TestPasswordIsNeededAndOnNoCommandLine(t *testing.T) {
	s, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := ping(t.Context(), strings.Replace(s.URL("postgres"), s.password, "wrong", 1)); err == nil {
		t.Error("a wrong password was accepted")
	}
	for _, arg := range s.proc.cmd.Args {
		if strings.Contains(arg, s.password) {
			t.Error("the password is in the server's arguments")
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "password")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the password file is still there: %v", err)
	}
}

// TestServerDiesWithItsParent starts a server in another process (this test binary again), kills that process and waits
// for the server's end; then the next start sweeps its directory away.
func TestServerDiesWithItsParent(t *testing.T) {
	if os.Getenv("LOCALPG_CHILD") != "" {
		s, err := Start(t.Context(), Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(os.Getenv("LOCALPG_CHILD"), []byte(s.dir), 0o600); err != nil {
			t.Fatal(err)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	tmp, err := os.MkdirTemp("", "parent-death-") // not t.TempDir: the server's user must be able to enter it
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	if err := os.Chmod(tmp, 0o755); err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(tmp, "note")
	child := exec.Command(os.Args[0], "-test.run=^TestServerDiesWithItsParent$")
	child.Env = append(os.Environ(), "LOCALPG_CHILD="+note, "TMPDIR="+tmp)
	if err := child.Run(); err == nil {
		t.Fatal("the child was not killed")
	}
	dir, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	awaitGone(t, filepath.Join(string(dir), "data", "postmaster.pid"))
	sweep(tmp, 0)
	if _, err := os.Stat(string(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s was not swept: %v", dir, err)
	}
}

// awaitGone polls until the path is gone; the server removes its pid file last. Its end is no child's of ours, so there is
// nothing to wait for but the file.
func awaitGone(t *testing.T, path string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(stopTimeout)
	for {
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s is still there after %v", path, stopTimeout)
		}
	}
}

func TestCrashedServerComesBackWithWhatWasCommitted(t *testing.T) {
	s, err := Start(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	before, url := s.Pid(), s.URL("postgres")
	if _, err := os.Stat(filepath.Join(s.data(), "postmaster.pid")); err != nil {
		t.Fatal(err)
	}
	if err := execute(t.Context(), url, "create table kept (n int); insert into kept values (1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Crash(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := execute(t.Context(), url, "insert into kept select n + 1 from kept"); err != nil || s.Pid() == before {
		t.Errorf("after the crash: %v, pid %d as before", err, s.Pid())
	}
}

func execute(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	return errors.Join(err, conn.Close(ctx))
}

func TestLoginIsNoSuperuserAndTheServerNeverSeesItsPassword(t *testing.T) {
	s, err := Start(t.Context(), Config{Settings: map[string]string{"log_statement": "all"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	l, err := s.Login(t.Context(), "Some One", "pg_read_all_settings")
	if err != nil {
		t.Fatal(err)
	}
	const check = "do $$ begin assert not (select rolsuper from pg_roles where rolname = current_user); " +
		"assert pg_has_role('pg_read_all_settings', 'member'); end $$"
	if err := execute(t.Context(), l.URL("postgres"), check); err != nil {
		t.Error(err)
	}
	log := tail(filepath.Join(s.dir, "server.log"))
	if text := string(log); !strings.Contains(text, "create role") || strings.Contains(text, l.password) {
		t.Error("the log does not show the statement, or shows the password")
	}
}

func TestTLSIsTheOnlyWayInWhenItIsOn(t *testing.T) {
	s, err := Start(t.Context(), Config{TLSNames: []string{"localhost"}, Access: []string{"hostssl all all 127.0.0.1/32 cert"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	l, err := s.Login(t.Context(), "someone", "")
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := s.ClientCert(t.TempDir(), "someone")
	if err != nil {
		t.Fatal(err)
	}
	named := strings.Replace(l.URL("postgres"), "127.0.0.1", "localhost", 1)
	full := strings.Replace(named, "verify-ca", "verify-full", 1) + "&sslcert=" + cert + "&sslkey=" + key
	for url, fits := range map[string]bool{
		full: true,
		strings.Replace(full, "localhost", "127.0.0.1", 1):                 false, // not in the certificate
		strings.Replace(s.URL("postgres"), "verify-ca", "disable", 1):      false,
		strings.Replace(full, "sslmode=verify-full", "sslmode=disable", 1): false,
		named: false, // no certificate of the client's
	} {
		if err := ping(t.Context(), url); (err == nil) != fits {
			t.Errorf("%s: %v", strings.ReplaceAll(url, l.password, "…"), err)
		}
	}
}
