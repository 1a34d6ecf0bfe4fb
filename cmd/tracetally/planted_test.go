package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tracetally/tracetally/internal/kafkatest"
	"github.com/tracetally/tracetally/internal/localpg/pgtest"
	"github.com/tracetally/tracetally/internal/secret"
	"github.com/tracetally/tracetally/sink"
)

func TestMain(m *testing.M) {
	code := pgtest.Run(m)
	if dir := filepath.Dir(*built); dir != "." {
		_ = os.RemoveAll(dir) // the machine's temporary folder is emptied by others
	}
	os.Exit(code)
}

// patience bounds every wait of these tests.
const patience = time.Minute

// built is where the program is, once a test has asked for it.
var built = new(string)

var build = sync.OnceValue(func() error {
	dir, err := os.MkdirTemp("", "tracetally-test-")
	if err != nil {
		return err
	}
	*built = filepath.Join(dir, "tracetally")
	out, err := exec.Command("go", "build", "-trimpath", "-o", *built, ".").CombinedOutput()
	if err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
})

// program is the real program, as `make build` makes it, built once for all tests.
func program(t *testing.T) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return *built
}

// process is the program as a process of its own, with everything that it wrote.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	ended chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
}

// Write takes what the process writes.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *process) wrote() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// spawn starts the program with nothing in its environment but env.
func spawn(t *testing.T, path string, env map[string]string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Env = []string{"HOME=" + t.TempDir()}
	for k, v := range env {
		p.cmd.Env = append(p.cmd.Env, k+"="+v)
	}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // the exit code is asked for where it matters
	}()
	t.Cleanup(func() { p.end(os.Kill) })
	return p
}

// end signals the process and waits until it is gone.
func (p *process) end(sig os.Signal) {
	p.t.Helper()
	_ = p.cmd.Process.Signal(sig) // it may have ended by itself
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("does not end:\n%s", p.wrote())
	}
}

// await waits until what was written matches, and gives the first group of the pattern.
func (p *process) await(pattern string) string {
	p.t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.Now().Add(patience)
	for {
		if m := re.FindStringSubmatch(p.wrote()); m != nil {
			return m[len(m)-1]
		}
		select {
		case <-p.ended:
			if m := re.FindStringSubmatch(p.wrote()); m != nil {
				return m[len(m)-1]
			}
			p.t.Fatalf("ended without %q:\n%s", pattern, p.wrote())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("no %q in\n%s", pattern, p.wrote())
		}
	}
}

// fetch is an answer of the metrics server with its headers.
func (p *process) fetch(addr, path string) string {
	p.t.Helper()
	res, err := http.Get("http://" + addr + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return fmt.Sprintln(res.Status, res.Header) + string(body)
}

// awaitAnswer fetches until the answer matches.
func (p *process) awaitAnswer(addr, path, pattern string) {
	p.t.Helper()
	re, deadline := regexp.MustCompile(pattern), time.Now().Add(patience)
	pace := time.NewTicker(50 * time.Millisecond)
	defer pace.Stop()
	for !re.MatchString(p.fetch(addr, path)) {
		if time.Now().After(deadline) {
			p.t.Fatalf("no %q at %s: %s\n%s", pattern, path, p.fetch(addr, path), p.wrote())
		}
		<-pace.C
	}
}

// services are a Kafka and a PostgreSQL that know the planted secrets.
type services struct {
	planted
	kafka *kafkatest.Guarded
	files kafkaFiles
	db    string // host, port and database
	user  string // of PostgreSQL, whose password is postgresURL
}

type kafkaFiles struct{ ca, cert, key string }

func startServices(t *testing.T) *services {
	t.Helper()
	s := &services{planted: plant()}
	s.kafka = kafkatest.RunGuarded(t, kafkatest.Guard{TLS: true, SASL: true, Topics: map[string]int32{"t": 1}})
	var err error
	if s.files.ca, s.files.cert, s.files.key, err = s.kafka.CA.Files(t.TempDir(), "", kafkatest.Leaf{}); err != nil {
		t.Fatal(err)
	}
	for user, password := range map[string]string{"env": s.kafkaEnv, "file": s.kafkaFile} {
		res, err := s.kafka.Admin().AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{User: user, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: password}})
		if err != nil || res.Error() != nil {
			t.Fatal(err, res.Error())
		}
		read := kadm.NewACLs().Topics("t").Groups("tracetally", "other").Operations(kadm.OpRead).ResourcePatternType(kadm.ACLPatternLiteral).Allow("User:" + user)
		if _, err := s.kafka.Admin().CreateACLs(t.Context(), read); err != nil {
			t.Fatal(err)
		}
	}
	s.startPostgres(t)
	return s
}

func (s *services) startPostgres(t *testing.T) {
	t.Helper()
	url := pgtest.Database(t)
	if err := sink.Migrate(t.Context(), sink.Config{URL: secret.New(url)}); err != nil {
		t.Fatal(err)
	}
	db, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(t.Context())
	cfg := db.Config()
	s.db = fmt.Sprintf("%s:%d/%s", cfg.Host, cfg.Port, cfg.Database)
	s.user = "planted_" + cfg.Database // roles are the server's, which ends with the tests
	if _, err := db.Exec(t.Context(), fmt.Sprintf("create role %q login in role tracetally_writer password '%s'", s.user, s.postgresURL)); err != nil {
		t.Fatal(err)
	}
}

// env is a configuration in which every secret is right and comes from the environment.
func (s *services) env(change map[string]string) map[string]string {
	env := map[string]string{
		"TRACETALLY_BROKERS": s.kafka.Addr, "TRACETALLY_TOPICS": "t", "TRACETALLY_LISTEN": "127.0.0.1:0", "TRACETALLY_LOG_LEVEL": "debug",
		"TRACETALLY_KAFKA_CA_FILE": s.files.ca, "TRACETALLY_KAFKA_SASL": "SCRAM-SHA-512", "TRACETALLY_KAFKA_USER": "env",
		"TRACETALLY_KAFKA_PASSWORD": s.kafkaEnv, "TRACETALLY_HASH_KEY": s.hashEnv,
		"TRACETALLY_POSTGRES_URL": "postgres://" + s.user + ":" + s.postgresURL + "@" + s.db,
	}
	for k, v := range change {
		env[k] = v
		if v == "" {
			delete(env, k)
		}
	}
	return env
}

// searchAll looks for the secrets in everything that a process shows.
func (s *services) searchAll(t *testing.T, p *process, addr string) {
	t.Helper()
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	s.search(t, "cmdline", string(cmdline))
	for _, path := range []string{"/metrics", "/readyz", "/healthz", "/debug/pprof/cmdline", "/"} {
		s.search(t, path, p.fetch(addr, path))
	}
	s.search(t, "output", p.wrote())
}

func TestPlantedSecretsAreShownNowhereByAWorkerThatWorks(t *testing.T) {
	s := startServices(t)
	path := program(t)
	file := func(text string) string { return writeFile(t, "secret", text) }
	for name, change := range map[string]map[string]string{
		"from the environment": nil,
		"from files": {
			"TRACETALLY_GROUP":      "other", // the first group waits for its member that died
			"TRACETALLY_KAFKA_USER": "file", "TRACETALLY_KAFKA_PASSWORD": "", "TRACETALLY_KAFKA_PASSWORD_FILE": file(s.kafkaFile),
			"TRACETALLY_HASH_KEY": "", "TRACETALLY_HASH_KEY_FILE": file(s.hashFile),
			"TRACETALLY_POSTGRES_URL": "postgres://" + s.user + "@" + s.db, "TRACETALLY_POSTGRES_PASSWORD_FILE": file(s.postgresURL),
		},
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.kafka.Client().ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte(articleCall)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			p := spawn(t, path, s.env(change), "run")
			addr := p.await(`metrics served.* addr=(\S+)`)
			p.await(`joined the consumer group.* partitions=1`)
			p.awaitAnswer(addr, "/metrics", `tracetally_records_total{verdict="(counted|late|duplicate)"} 1`)
			p.awaitAnswer(addr, "/readyz", `^200`)
			s.searchAll(t, p, addr)
			p.end(syscall.SIGQUIT) // the runtime then prints every goroutine with its arguments
			if out := p.wrote(); !strings.Contains(out, "goroutine ") {
				t.Errorf("no goroutines in %s", out)
			}
			s.search(t, "dump of the goroutines", p.wrote())
		})
	}
}

func TestPlantedSecretsAreShownNowhereByAWorkerThatIsRefused(t *testing.T) {
	s := startServices(t)
	path := program(t)
	file := func(text string) string { return writeFile(t, "secret", text) }
	for name, test := range map[string]struct {
		change map[string]string
		said   string // while it goes on trying
		lacks  string // what /readyz names
	}{
		"wrong password of Kafka": {map[string]string{"TRACETALLY_KAFKA_PASSWORD": s.kafkaFile}, `does not let us in.*refuses user`, "access to Kafka"},
		"wrong password of Kafka, by PLAIN": {map[string]string{
			"TRACETALLY_KAFKA_SASL": "PLAIN", "TRACETALLY_KAFKA_USER": kafkatest.Worker, "TRACETALLY_KAFKA_PASSWORD": "", "TRACETALLY_KAFKA_PASSWORD_FILE": file(s.kafkaFile),
		}, `does not let us in.*refuses user`, "access to Kafka"},
		"wrong password of PostgreSQL in the URL": {map[string]string{
			"TRACETALLY_POSTGRES_URL": "postgres://" + s.user + ":" + s.postgresFile + "@" + s.db,
		}, `28P01`, "PostgreSQL writable"},
		"wrong password of PostgreSQL in a file": {map[string]string{
			"TRACETALLY_POSTGRES_PASSWORD_FILE": file(s.postgresFile),
		}, `28P01`, "PostgreSQL writable"},
		"PostgreSQL is not there": {map[string]string{
			"TRACETALLY_POSTGRES_URL": "postgres://" + s.user + ":" + s.postgresURL + "@127.0.0.1:1/d",
		}, `trying again.*PostgreSQL`, "PostgreSQL writable"},
		"control character in a wrong password of PostgreSQL": {map[string]string{
			"TRACETALLY_POSTGRES_URL": "postgres://" + s.user + ":" + s.postgresFile + "%7f@" + s.db,
		}, `28P01`, "PostgreSQL writable"},
		"Kafka is not there": {map[string]string{"TRACETALLY_BROKERS": "127.0.0.1:1"}, `no broker of --brokers answers: 127.0.0.1:1 refuses the connection`, "group joined\nmissing: Kafka reachable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := spawn(t, path, s.env(test.change), "run")
			addr := p.await(`metrics served.* addr=(\S+)`)
			p.await(test.said)
			if ready := p.fetch(addr, "/readyz"); !strings.HasPrefix(ready, "503") || !strings.Contains(ready, "missing: "+test.lacks) {
				t.Errorf("readyz: %s", ready)
			}
			s.searchAll(t, p, addr)
			p.end(syscall.SIGTERM)
			s.search(t, "output", p.wrote())
		})
	}
}

func TestPlantedSecretsAreShownNowhereByAProgramThatDoesNotStart(t *testing.T) {
	s := startServices(t)
	path := program(t)
	file := func(text string) string { return writeFile(t, "secret.yaml", text) }
	broken := func(url string) map[string]string {
		return map[string]string{"TRACETALLY_POSTGRES_URL": strings.ReplaceAll(url, "SECRET", s.postgresURL)}
	}
	for name, test := range map[string]struct {
		change map[string]string
		args   []string
		want   string
	}{
		"URL with a port that is none":               {change: broken("postgres://u:SECRET@h:port/d"), want: "postgres-url"},
		"URL with a bad escape":                      {change: broken("postgres://u:%zzSECRET@h/d"), want: "postgres-url"},
		"URL with a setting that is unknown":         {change: broken("postgres://u:SECRET@127.0.0.1:1/d?sslmode=SECRET"), want: "postgres-url"},
		"URL of another database":                    {change: broken("mysql://u:SECRET@h/d"), want: "postgres-url"},
		"only a password":                            {change: broken("SECRET"), want: "postgres-url"},
		"key that is too short":                      {change: map[string]string{"TRACETALLY_HASH_KEY": s.hashEnv[:15]}, want: "at least 16 bytes"},
		"folder in place of a file":                  {change: map[string]string{"TRACETALLY_KAFKA_PASSWORD_FILE": t.TempDir()}, want: "is a directory"},
		"Kafka's password in place of its file":      {change: map[string]string{"TRACETALLY_KAFKA_PASSWORD_FILE": s.kafkaFile}, want: "give the whole path"},
		"PostgreSQL's password in place of its file": {change: map[string]string{"TRACETALLY_POSTGRES_PASSWORD_FILE": s.postgresFile}, want: "give the whole path"},
		"key in place of its file":                   {change: map[string]string{"TRACETALLY_HASH_KEY_FILE": s.hashFile}, want: "give the whole path"},
		"password of retention in place of its file": {change: map[string]string{
			"TRACETALLY_RETENTION_POSTGRES_URL": "postgres://u@" + s.db, "TRACETALLY_RETENTION_POSTGRES_PASSWORD_FILE": s.postgresFile}, want: "give the whole path"},
		"retention's URL that is none":       {change: map[string]string{"TRACETALLY_RETENTION_POSTGRES_URL": "postgres://u:" + s.postgresFile + "@h:port/d"}, want: "retention-postgres-url"},
		"absent file":                        {change: map[string]string{"TRACETALLY_KAFKA_PASSWORD_FILE": "/absent"}, want: "kafka-password-file"},
		"key of TLS that is none":            {change: map[string]string{"TRACETALLY_KAFKA_CERT_FILE": s.files.cert, "TRACETALLY_KAFKA_KEY_FILE": file(s.hashFile)}, want: "kafka-key-file"},
		"password that SCRAM does not admit": {change: map[string]string{"TRACETALLY_KAFKA_PASSWORD": s.kafkaEnv + "\x07"}, want: "SCRAM does not admit"},
		"PLAIN without TLS":                  {change: map[string]string{"TRACETALLY_KAFKA_SASL": "PLAIN", "TRACETALLY_KAFKA_CA_FILE": ""}, want: "needs TLS"},
		"variable that is no duration":       {change: map[string]string{"TRACETALLY_BATCH_AGE": "soon"}, want: "batch-age"},
		"variable that is no choice":         {change: map[string]string{"TRACETALLY_KAFKA_SASL": "GSSAPI"}, want: "kafka-sasl"},
		"unknown flag":                       {args: []string{"--kafka-pasword=" + "x"}, want: "unknown flag"},
		"help":                               {args: []string{"--help"}, want: "kafka-password-file"},
		"unknown key in the file":            {change: map[string]string{"TRACETALLY_CONFIG": file("kafka_password: " + s.kafkaFile + "\npostgres_url: postgres://u:" + s.postgresFile + "@h/d\n")}, want: "unknown key"},
		"file that is no YAML":               {change: map[string]string{"TRACETALLY_CONFIG": file("postgres_url: postgres://u:" + s.postgresFile + "@h/d\n\tkafka_password: [" + s.kafkaFile + "\n")}, want: "read configuration"},
		"file with a list for a text":        {change: map[string]string{"TRACETALLY_POSTGRES_URL": "", "TRACETALLY_CONFIG": file("postgres_url: [" + s.postgresFile + "]\n")}, want: "postgres-url: must not be a list"},
		"file with a mapping for a text":     {change: map[string]string{"TRACETALLY_POSTGRES_URL": "", "TRACETALLY_CONFIG": file("postgres_url: {password: " + s.postgresFile + "}\n")}, want: "postgres-url: must not be a mapping"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := spawn(t, path, s.env(test.change), append([]string{"run"}, test.args...)...)
			p.await(regexp.QuoteMeta(test.want))
			select {
			case <-p.ended:
			case <-time.After(patience):
				t.Fatalf("goes on:\n%s", p.wrote())
			}
			if code := p.cmd.ProcessState.ExitCode(); code == 0 != (name == "help") {
				t.Errorf("exit code %d", code)
			}
			s.search(t, "output", p.wrote())
			if strings.Contains(p.wrote(), "goroutine ") {
				t.Errorf("a panic: %s", p.wrote())
			}
		})
	}
}

func TestPasswordInAnArgumentIsRefused(t *testing.T) {
	p := spawn(t, program(t), map[string]string{}, "run", "--brokers=127.0.0.1:1", "--topics=t", "--no-users", "--postgres-url=postgres://u:argument@127.0.0.1:1/d")
	p.await("its password is on the command line")
	<-p.ended
	if p.cmd.ProcessState.ExitCode() == 0 || strings.Contains(p.wrote(), "argument@") {
		t.Errorf("exit code %d: %s", p.cmd.ProcessState.ExitCode(), p.wrote())
	}
}
