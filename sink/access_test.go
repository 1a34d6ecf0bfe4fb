package sink

import (
	"context"
	"crypto/md5" // what an old server asks for
	"encoding/hex"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tracetally/tracetally/internal/localpg"
	"github.com/tracetally/tracetally/internal/secret"
)

// kind says how an endpoint is spoken to.
func kind(e endpoint) string {
	switch {
	case e.tls == nil:
		return "plain"
	case !e.tls.InsecureSkipVerify:
		return "verify-full"
	case e.tls.VerifyPeerCertificate != nil:
		return "verify-ca"
	}
	return "blind"
}

func TestOtherMachinesMustProveWhoTheyAre(t *testing.T) {
	const refused = "refused"
	tests := []struct {
		url       string
		plaintext bool
		want      string // of each endpoint, or refused
	}{
		{"postgres://u:p@db.example/x", false, "verify-full"},
		{"postgres://u:p@db.example/x?application_name=y", false, "verify-full"},
		{"host=db.example user=u password=p", false, "verify-full"},
		{"postgres://u:p@db1.example,db2.example:6000/x", false, "verify-full verify-full"},
		{"postgres://u:p@localhost:5432,db2.example:5432/x", false, "verify-full verify-full"},
		{"postgres://u:p@10.0.0.7/x?sslmode=verify-full", false, "verify-full"},
		{"postgres://u:p@db.example/x?sslmode=verify-ca", false, "verify-ca"},
		{"postgres://u:p@db.example/x?sslmode=require", false, refused},
		{"postgres://u:p@db.example/x?sslmode=prefer", false, refused},
		{"postgres://u:p@db.example/x?sslmode=allow", false, refused},
		{"postgres://u:p@db.example/x?sslmode=disable", false, refused},
		{"postgres://u:p@db.example/x?ssl=true", false, refused},
		{"host=db.example user=u sslmode=disable", false, refused},
		{"postgres://u:p@127.0.0.1,db.example/x?sslmode=disable", false, refused},
		{"postgres://u:p@localhost.example/x?sslmode=disable", false, refused},
		{"postgres://u:p@db.example/x?sslmode=disable", true, "plain"},
		{"postgres://u:p@db.example/x?sslmode=require", true, "blind"},
		{"postgres://u:p@db.example/x", true, "verify-full"},
		{"postgres://u:p@127.0.0.1/x", false, "blind plain"},
		{"postgres://u:p@[::1]/x?sslmode=disable", false, "plain"},
		{"postgres://u:p@localhost/x?sslmode=disable", false, "plain"},
		{"host=/run/postgresql user=u", false, "plain"},
	}
	for _, tt := range tests {
		pc, err := access{url: secret.New(tt.url), plaintext: tt.plaintext}.poolConfig()
		got := refused
		if err == nil {
			var kinds []string
			for _, e := range endpoints(pc.ConnConfig) {
				kinds = append(kinds, kind(e))
			}
			got = strings.Join(kinds, " ")
		} else if !strings.Contains(err.Error(), "--postgres-plaintext") {
			t.Errorf("%s: %v, which does not say how to mend it", tt.url, err)
		}
		if got != tt.want {
			t.Errorf("%s (plaintext %v) = %s, want %s", tt.url, tt.plaintext, got, tt.want)
		}
	}
}

func TestSSLModeOfTheEnvironmentIsNoWayAround(t *testing.T) {
	t.Setenv("PGSSLMODE", "disable")
	t.Setenv("PGHOST", "db.example")
	if _, err := (access{url: secret.New("postgres://u:p@/x")}).poolConfig(); err == nil {
		t.Error("plaintext to another machine without being asked")
	}
	t.Setenv("PGSSLMODE", "")
	pc, err := access{url: secret.New("postgres://u:p@/x")}.poolConfig()
	if err != nil || kind(endpoints(pc.ConnConfig)[0]) != "verify-full" {
		t.Errorf("%v, want verify-full", err)
	}
}

func TestPasswordGoesToScramOnlyUnlessSaidOtherwise(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"postgres://u:p@db.example/x":                  "scram-sha-256",
		"postgres://u:p@db.example/x?require_auth=md5": "md5",
		"postgres://u@db.example/x":                    "", // a certificate, or Kerberos
		"postgres://u:p@127.0.0.1/x":                   "",
	} {
		pc, err := access{url: secret.New(text)}.poolConfig()
		if err != nil || pc.ConnConfig.RequireAuth != want {
			t.Errorf("%s: require_auth = %q, %v, want %q", text, pc.ConnConfig.RequireAuth, err, want)
		}
	}
	a := access{url: secret.New("postgres://u@db.example/x"), password: secret.Source{File: file}}
	cfg, err := a.connConfig(t.Context())
	if err != nil || cfg.RequireAuth != "scram-sha-256" || cfg.Password != "p" {
		t.Errorf("password of a file: require_auth = %q, %v", cfg.RequireAuth, err)
	}
}

// elsewhere makes a URL of a server on loopback one of another machine's: its name is looked up in a book that the test
// writes, so that all that holds for other machines holds for it.
func elsewhere(t *testing.T, raw, host string, more url.Values) access {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal("the URL cannot be read")
	}
	u.Host = host + ":" + u.Port()
	u.RawQuery = more.Encode()
	return access{url: secret.New(u.String())}
}

// dial connects as the store does, and says what went wrong as the store does.
func dial(t *testing.T, a access) error {
	t.Helper()
	pc, err := a.poolConfig()
	if err != nil {
		return err
	}
	pc.ConnConfig.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	pool, err := pgxpool.NewWithConfig(t.Context(), pc)
	if err != nil {
		return err
	}
	defer pool.Close()
	var one int
	return doing("ask", pool.QueryRow(t.Context(), "select 1").Scan(&one))
}

func execAdmin(t testing.TB, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal("connect as superuser")
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// TestConnectionsSayWhatIsWrong goes through what operators meet, against real servers. Each complaint is one line, says what
// to do and holds no password.
func TestConnectionsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	const host = "db.example"
	server, err := localpg.Start(t.Context(), localpg.Config{
		TLSNames: []string{host},
		Access: []string{
			"hostssl all by_md5 127.0.0.1/32 md5", "hostssl all by_trust 127.0.0.1/32 trust",
			"hostssl all by_cert 127.0.0.1/32 cert", "hostssl all locked_out 127.0.0.1/32 reject",
			"hostssl all all 127.0.0.1/32 scram-sha-256",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	login, err := server.Login(t.Context(), "someone", "")
	if err != nil {
		t.Fatal(err)
	}
	sum := md5.Sum([]byte("canary-password" + "by_md5")) // the format of an old server
	execAdmin(t, server.URL("postgres"), `
create role by_md5 login password 'md5`+hex.EncodeToString(sum[:])+`';
create role by_trust login; create role by_cert login; create role locked_out login;
create role one_at_most login password 'canary-password' connection limit 0`)
	execAdmin(t, server.URL("postgres"), `create database private`)
	execAdmin(t, server.URL("postgres"), `revoke connect on database private from public`)
	cert, key, err := server.ClientCert(t.TempDir(), "by_cert")
	if err != nil {
		t.Fatal(err)
	}
	otherCA, _, err := server.ClientCert(t.TempDir(), "stranger")
	if err != nil {
		t.Fatal(err)
	}
	ca := url.Values{"sslrootcert": {server.CAFile()}}
	with := func(more ...string) url.Values {
		v := url.Values{"sslrootcert": {server.CAFile()}}
		for i := 0; i < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	as := func(name, db string) string {
		u, _ := url.Parse(login.URL(db))
		if name != "" {
			u.User = url.UserPassword(name, "canary-password")
		}
		return u.String()
	}
	tests := map[string]struct {
		access access
		want   string // nothing: it works
	}{
		"verify-full and SCRAM":        {elsewhere(t, as("", "postgres"), host, ca), ""},
		"client certificate":           {elsewhere(t, strings.Replace(as("by_cert", "postgres"), ":canary-password", "", 1), host, with("sslcert", cert, "sslkey", key)), ""},
		"verify-ca, another name":      {elsewhere(t, as("", "postgres"), "db2.example", with("sslmode", "verify-ca")), ""},
		"md5, permitted":               {elsewhere(t, as("by_md5", "postgres"), host, with("require_auth", "md5")), ""},
		"wrong host name":              {elsewhere(t, as("", "postgres"), "db2.example", ca), "not for db2.example but for db.example"},
		"no CA":                        {elsewhere(t, as("", "postgres"), host, url.Values{}), "name its CA with sslrootcert=FILE"},
		"wrong CA":                     {elsewhere(t, as("", "postgres"), host, url.Values{"sslrootcert": {otherCA}}), "is not signed by the CA in the file of sslrootcert"},
		"wrong password":               {elsewhere(t, as("someone", "postgres"), host, ca), "--postgres-password-file"},
		"no such user":                 {elsewhere(t, as("nobody_knows", "postgres"), host, ca), "no such user"},
		"server asks for md5":          {elsewhere(t, as("by_md5", "postgres"), host, ca), "password_encryption = scram-sha-256"},
		"server asks for nothing":      {elsewhere(t, as("by_trust", "postgres"), host, ca), "does not ask for SCRAM"},
		"no client certificate":        {elsewhere(t, strings.Replace(as("by_cert", "postgres"), ":canary-password", "", 1), host, ca), "certificate"},
		"pg_hba.conf refuses":          {elsewhere(t, as("locked_out", "postgres"), host, ca), "pg_hba.conf"},
		"unknown database":             {elsewhere(t, as("", "nowhere"), host, ca), "create the database"},
		"database without a right":     {elsewhere(t, as("", "private"), host, ca), "permission denied for database"},
		"too many connections":         {elsewhere(t, as("one_at_most", "postgres"), host, ca), "connection limit"},
		"plaintext, but TLS is needed": {access{url: elsewhere(t, as("", "postgres"), host, url.Values{"sslmode": {"disable"}}).url, plaintext: true}, "pg_hba.conf"},
	}
	for name, tt := range tests {
		err := dial(t, tt.access)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if err != nil && (strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "canary") || len(err.Error()) > 500) {
			t.Errorf("%s: %v: a secret, or not a line", name, err)
		}
	}
}

func TestServerWithoutTLSIsRefusedInWords(t *testing.T) {
	t.Parallel()
	a := elsewhere(t, migrated(t), "db.example", url.Values{})
	if err := dial(t, a); err == nil || !strings.Contains(err.Error(), "the server has no TLS") {
		t.Errorf("err = %v", err)
	}
	a.url = secret.New(a.url.Reveal() + "?sslmode=disable")
	a.plaintext = true
	if err := dial(t, a); err != nil {
		t.Errorf("with --postgres-plaintext: %v", err)
	}
	nobody := access{url: secret.New("postgres://u:canary@127.0.0.1:1/x")}
	if err := dial(t, nobody); err == nil || !strings.Contains(err.Error(), "nothing answers there") || strings.Contains(err.Error(), "canary") {
		t.Errorf("err = %v", err)
	}
}

// TestNewPasswordNeedsNoRestart changes a login's password and its file while the store is open.
func TestNewPasswordNeedsNoRestart(t *testing.T) {
	t.Parallel()
	super := migrated(t)
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	execAdmin(t, super, `create role rotates login password 'first' in role tracetally_writer`)
	write("first")
	u, err := url.Parse(super)
	if err != nil {
		t.Fatal("the URL cannot be read")
	}
	u.User = url.User("rotates")
	s, err := Open(t.Context(), Config{URL: secret.New(u.String()), Password: secret.Source{File: file}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	execAdmin(t, super, `alter role rotates password 'second'`)
	s.pool.Reset()
	if err := s.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "wrong password") {
		t.Errorf("Ready with the old password = %v", err)
	}
	write("second")
	if err := s.Ready(t.Context()); err != nil {
		t.Errorf("Ready with the new password = %v", err)
	}
	write("")
	if _, err := Open(t.Context(), Config{URL: secret.New(u.String()), Password: secret.Source{File: file}}); err == nil {
		t.Error("an empty password file was taken")
	}
}
