package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tracetally/tracetally/schemas"
)

// command runs the program in process and returns its exit code and what it wrote.
func command(t *testing.T, stdin string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(context.Background(), args, &streams{in: strings.NewReader(stdin), out: &o, err: &e})
	return code, o.String(), e.String()
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// parsed is what a command line makes of the settings.
func parsed(t *testing.T, args ...string) (*cli, *configFile, string) {
	t.Helper()
	var c cli
	var e bytes.Buffer
	_, file, code := parse(&c, args, &streams{in: strings.NewReader(""), out: &e, err: &e})
	if code != 0 {
		return nil, nil, e.String()
	}
	return &c, file, ""
}

func TestCommandLineWinsOverEnvironmentOverFile(t *testing.T) {
	file := writeFile(t, "c.yaml", "group: from-file\nbatch_age: 5s\ndrain: 7s\nbrokers: a:1,b:2\n")
	t.Setenv("TRACETALLY_GROUP", "from-env")
	t.Setenv("TRACETALLY_BATCH_AGE", "4s")
	c, _, problem := parsed(t, "--config", file, "run", "--group", "from-line")
	if problem != "" {
		t.Fatal(problem)
	}
	if c.Run.Group != "from-line" || c.Run.BatchAge != 4*time.Second || c.Run.Drain != 7*time.Second {
		t.Errorf("group %q, batch age %v, drain %v", c.Run.Group, c.Run.BatchAge, c.Run.Drain)
	}
	if strings.Join(c.Run.Brokers, " ") != "a:1 b:2" || c.Run.From != "earliest" {
		t.Errorf("brokers %q, from %q", c.Run.Brokers, c.Run.From)
	}
}

func TestTopicsInTheFileCarrySettings(t *testing.T) {
	path := writeFile(t, "c.yaml", "topics:\n  b: {environment: staging, latency_unit: ms}\n  a: {format: posthog_event}\n")
	c, file, problem := parsed(t, "--config", path, "run")
	if problem != "" {
		t.Fatal(problem)
	}
	if strings.Join(c.Run.Topics, " ") != "a b" {
		t.Errorf("topics %q", c.Run.Topics)
	}
	topics, err := file.topicDefaults()
	if err != nil || topics["b"].Environment != "staging" || topics["b"].LatencyUnit != schemas.LatencyMillis ||
		topics["a"].Format != schemas.FormatPostHogEvent {
		t.Errorf("settings %+v, %v", topics, err)
	}
}

func TestMistakesAreReportedAllAtOnceInTheUsersWords(t *testing.T) {
	for name, test := range map[string]struct {
		yaml string
		args []string
		want []string
	}{
		"unknown keys":    {yaml: "grup: x\nbatchage: 3s\n", args: []string{"run"}, want: []string{`unknown key "grup"`, `unknown key "batchage"`}},
		"unknown setting": {yaml: "topics:\n  a: {enviroment: x}\n", args: []string{"run"}, want: []string{"enviroment"}},
		"bad topic":       {yaml: "topics:\n  a: {format: xml, latency_unit: h}\nbrokers: b:1\npostgres_url: postgres://h/d\n", args: []string{"run", "--no-users"}, want: []string{"format: must be", "latency_unit: must be"}},
		"nothing given":   {args: []string{"run"}, want: []string{"brokers: required", "topics: required", "postgres-url: required"}},
		"ranges": {args: []string{"run", "--brokers=b:1", "--topics=t", "--postgres-url=postgres://h/d", "--batch-age=5m", "--retention=1h", "--from=noon"},
			want: []string{"batch-age: must be 10ms to 1m, got 5m0s", "retention: must be", "from: must be earliest"}},
		"open address":   {args: []string{"run", "--listen=0.0.0.0:9464"}, want: []string{"listen: address is not loopback", "--listen-remote"}},
		"no hash key":    {args: []string{"run", "--brokers=b:1", "--topics=t", "--postgres-url=postgres://h/d"}, want: []string{"hash-key-file: required", "--no-users"}},
		"short hash key": {args: []string{"run", "--brokers=b:1", "--topics=t", "--postgres-url=postgres://h/d", "--hash-key-file=SHORT"}, want: []string{"must be at least 16 bytes, got 5"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := test.args
			if test.yaml != "" {
				args = append([]string{"--config", writeFile(t, "c.yaml", test.yaml)}, args...)
			}
			short := writeFile(t, "key", "12345\n")
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "SHORT", short)
			}
			code, out, errOut := command(t, "", args...)
			if code == 0 || out != "" {
				t.Errorf("exit code %d, output %q", code, out)
			}
			for _, w := range test.want {
				if !strings.Contains(errOut, w) {
					t.Errorf("no %q in %q", w, errOut)
				}
			}
		})
	}
}

func TestSecretsAreInNoError(t *testing.T) {
	const secret = "hunter2-canary"
	for _, url := range []string{"postgres://u:" + secret + "@", "mysql://u:" + secret + "@h/d", "postgres://u:" + secret + "@h:port/d", "://" + secret} {
		t.Setenv("TRACETALLY_POSTGRES_URL", url)
		if _, out, errOut := command(t, "", "migrate"); strings.Contains(out+errOut, secret) {
			t.Errorf("the password is in %q", out+errOut)
		}
	}
	t.Setenv("TRACETALLY_POSTGRES_URL", "postgres://u:"+secret+"@127.0.0.1:1/d?connect_timeout=1")
	if code, out, errOut := command(t, "", "migrate"); code == 0 || strings.Contains(out+errOut, secret) {
		t.Errorf("exit code %d, %q", code, out+errOut)
	}
}

func TestHelpTeachesEveryCommand(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"run", "--help"}, {"explain", "--help"}, {"produce", "--help"}, {"migrate", "--help"}, {"version"}} {
		code, out, _ := command(t, "", args...)
		if code != 0 || out == "" {
			t.Errorf("%v: exit code %d, output %q", args, code, out)
		}
	}
	if code, _, errOut := command(t, "", "fly"); code != 2 || !strings.Contains(errOut, "--help") {
		t.Errorf("an unknown command: exit code %d, %q", code, errOut)
	}
}
