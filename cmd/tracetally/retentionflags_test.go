package main

import (
	"strings"
	"testing"
	"time"
)

func TestRetentionFlagsBecomeTheSettings(t *testing.T) {
	t.Setenv("TRACETALLY_RETENTION_1H", "2160h")
	password := writeFile(t, "password", "canary")
	c, _, problem := parsed(t, "run", "--retention", "48h", "--retention-1m", "72h",
		"--retention-postgres-url", "postgres://keeper@127.0.0.1/x", "--retention-postgres-password-file", password)
	if problem != "" {
		t.Fatal(problem)
	}
	cfg, err := c.Run.retentionFlags.config(&c.Run.postgresFlags)
	if err != nil {
		t.Fatal(err)
	}
	if k := cfg.Keep; k.Minute != 72*time.Hour || k.Hour != 2160*time.Hour || k.Day != 0 {
		t.Errorf("keep = %+v", k)
	}
	if cfg.URL.Reveal() != "postgres://keeper@127.0.0.1/x" || cfg.Password.File != password {
		t.Errorf("login = %v %v", cfg.URL, cfg.Password)
	}
}

func TestMistakesInRetentionAreReportedInTheUsersWords(t *testing.T) {
	password := writeFile(t, "password", "canary")
	for want, args := range map[string]string{
		"retention: must be whole days, 24h to 87600h, got 25h0m0s":                 "--retention 25h",
		"retention-1m: must be whole days, at least 192h0m0s (retention and a day)": "--retention-1m 168h",
		"retention-1h: must be whole days, at least 720h0m0s (retention-1m)":        "--retention-1h 48h",
		"retention-1d: must be 0 (for ever) when retention-1h is":                   "--retention-1d 8760h",
		"retention-postgres-password-file: needs --retention-postgres-url":          "--retention-postgres-password-file " + password,
		"retention-postgres-url, held to the same rules: postgres-url: sslmode":     "--retention-postgres-url postgres://k@db.example/x?sslmode=disable",
	} {
		code, _, errOut := command(t, "", append([]string{"run", "--brokers", "127.0.0.1:1", "--topics", "x", "--no-users",
			"--postgres-url", "postgres://u@127.0.0.1/x"}, strings.Fields(args)...)...)
		if code == 0 || !strings.Contains(errOut, want) || strings.Contains(errOut, "canary") {
			t.Errorf("%s: code %d, %s\nwant %s", args, code, errOut, want)
		}
	}
}

// Whatever --retention should have been, only what is wrong in any case is said beside it.
func TestMistakeInRetentionIsNotBlamedOnWhatFollowsFromIt(t *testing.T) {
	for args, want := range map[string]string{
		"--retention 2s":                        "retention: must be whole days, 24h to 87600h, got 2s",
		"--retention 2s --retention-1m 720h":    "retention: must be whole days, 24h to 87600h, got 2s",
		"--retention 999999h":                   "retention: must be whole days, 24h to 87600h, got 999999h0m0s",
		"--retention 25h --retention-1m 48h":    "retention: must be whole days, 24h to 87600h, got 25h0m0s",
		"--retention 25h --retention-1m 12h30m": "retention: must be whole days, 24h to 87600h, got 25h0m0s\nretention-1m: must be whole days, at least 48h0m0s (retention and a day), got 12h30m0s",
	} {
		c, _, problem := parsed(t, append([]string{"run"}, strings.Fields(args)...)...)
		if problem != "" {
			t.Fatal(problem)
		}
		if _, err := c.Run.retentionFlags.config(&c.Run.postgresFlags); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", args, err, want)
		}
	}
}
