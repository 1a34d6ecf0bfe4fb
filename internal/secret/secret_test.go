package secret_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"pgregory.net/rapid"

	"github.com/tracetally/tracetally/internal/secret"
)

const canary = "canary-3f9a1c"

// holder has secrets in every place in which a configuration may carry one; fmt asks no methods of the unexported ones.
type holder struct {
	Shown   secret.Secret
	Pointer *secret.Secret
	hidden  secret.Secret
	behind  *secret.Secret
	List    []secret.Secret
	Map     map[string]secret.Secret
	Any     any
	Source  secret.Source
	source  secret.Source
}

func newHolder() holder {
	s := secret.New(canary)
	return holder{
		Shown: s, Pointer: &s, hidden: s, behind: &s, List: []secret.Secret{s}, Map: map[string]secret.Secret{"k": s}, Any: s,
		Source: secret.Source{Text: s}, source: secret.Source{Text: s},
	}
}

func assertHidden(t *testing.T, how, out string) {
	t.Helper()
	hex := fmt.Sprintf("%x", canary)
	if strings.Contains(out, canary) || strings.Contains(strings.ToLower(out), hex) {
		t.Errorf("%s shows the secret: %s", how, out)
	}
}

func TestNoVerbOfFmtShowsASecret(t *testing.T) {
	t.Parallel()
	h := newHolder()
	for _, verb := range strings.Split("v +v #v s q x X d t p T b o O c U e E f F g G w -20s .3s 020d", " ") {
		for _, value := range []any{h, &h, h.Shown, h.Pointer, h.hidden, h.List, h.Map, h.Source, &h.source, []any{h.Shown}} {
			assertHidden(t, "%"+verb, fmt.Sprintf("%"+verb, value))
		}
	}
	assertHidden(t, "Errorf", fmt.Errorf("open %v: %w", h, errors.New("no")).Error())
	assertHidden(t, "Sprint", fmt.Sprint(h, &h, h.Shown, h.Shown.GoString()))
}

func TestNoEncoderShowsASecret(t *testing.T) {
	t.Parallel()
	h := newHolder()
	for name, encode := range map[string]func(any) ([]byte, error){"json": json.Marshal, "yaml": func(v any) ([]byte, error) { return yaml.Marshal(v) }} {
		out, err := encode(h)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Contains(out, []byte("***")) {
			t.Errorf("%s hides that there is a secret: %s", name, out)
		}
		assertHidden(t, name, string(out))
	}
}

func TestNoLogShowsASecret(t *testing.T) {
	t.Parallel()
	h := newHolder()
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		log := slog.New(handler)
		log.Info("configuration", "config", h, "pointer", &h, "secret", h.Shown, "secret_pointer", h.Pointer, "source", h.Source)
		log.With("s", h.Shown).WithGroup("g").Info("configuration", slog.Any("list", h.List), slog.Group("h", "s", h.hidden))
	}
	if n := strings.Count(out.String(), "***"); n < 10 {
		t.Errorf("only %d secrets were logged as hidden: %s", n, &out)
	}
	assertHidden(t, "slog", out.String())
}

func TestASecretIsWhatWasPutIn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		var decoded secret.Secret
		if err := decoded.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if secret.New(text).Reveal() != text || decoded.Reveal() != text || secret.New(text).Empty() != (text == "") {
			t.Fatalf("%q went in, %q and %q come out", text, secret.New(text).Reveal(), decoded.Reveal())
		}
	})
	var none secret.Secret
	if !none.Empty() || none.Reveal() != "" {
		t.Error("the zero Secret is not empty")
	}
}

func TestAReplacedFileIsReadAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "password")
	src := secret.Source{File: path, Text: secret.New("not this one")}
	for content, want := range map[string]string{"one\n": "one", "two\r\n": "two", " spaces stay \n\n": " spaces stay ", "a\nb": "a\nb"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := src.Read(); err != nil || got.Reveal() != want {
			t.Errorf("%q reads as %q, %v", content, got.Reveal(), err)
		}
	}
}

func TestAFileThatCannotBeReadSaysWhichAndHowToMendIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "absent"): "check the path",
		write("empty", "\n"):         "is empty",
		write("large", strings.Repeat(canary, maxFile/len(canary)+1)): "is larger than",
		dir: "is a directory",
	} {
		_, err := secret.ReadFile(path)
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	if _, err := secret.ReadFile(canary); err == nil || strings.Contains(err.Error(), canary) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a secret in the place of its file: %v", err)
	}
	if _, err := secret.ReadFile(filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("cause is lost: %v", err)
	}
}

// maxFile is the documented limit of a file.
const maxFile = 64 << 10
