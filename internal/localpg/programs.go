package localpg

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// embeddedVersion is what is downloaded when the machine has no PostgreSQL.
const embeddedVersion = embedded.V15

// findPrograms is the directory that holds initdb and postgres.
func findPrograms(cfg Config) (string, error) {
	if !cfg.Embedded && os.Getenv("TRACETALLY_EMBEDDED_POSTGRES") == "" {
		if path, err := exec.LookPath("initdb"); err == nil {
			if path, err = filepath.EvalSymlinks(path); err == nil && complete(filepath.Dir(path)) {
				return filepath.Dir(path), nil
			}
		}
		if dir := newestInstalled("/usr/lib/postgresql"); dir != "" {
			return dir, nil
		}
	}
	return download(cfg.CacheDir)
}

func newestInstalled(root string) string {
	best, newest := "", 0
	entries, _ := os.ReadDir(root)
	for _, e := range entries {
		bin := filepath.Join(root, e.Name(), "bin")
		if v, err := strconv.Atoi(e.Name()); err == nil && v > newest && complete(bin) {
			best, newest = bin, v
		}
	}
	return best
}

func complete(bin string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if info, err := os.Stat(filepath.Join(bin, name)); err != nil || info.IsDir() {
			return false
		}
	}
	return true
}

// download unpacks the programs into a directory of the cache, once. They are unpacked beside it and moved there whole:
// several test binaries may ask at the same time.
func download(cache string) (string, error) {
	cache, err := cacheDir(cache)
	if err != nil {
		return "", err
	}
	final := filepath.Join(cache, fmt.Sprintf("postgres-%s-%s-%s", embeddedVersion, runtime.GOOS, runtime.GOARCH))
	if complete(filepath.Join(final, "bin")) {
		return filepath.Join(final, "bin"), nil
	}
	work, err := os.MkdirTemp(cache, "unpack-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(work) }()
	unpacked := filepath.Join(work, "programs")
	if err := fetch(cache, work, unpacked); err != nil {
		return "", err
	}
	if err := os.Rename(unpacked, final); err != nil && !complete(filepath.Join(final, "bin")) {
		return "", err
	}
	return filepath.Join(final, "bin"), nil
}

// fetch makes the library download and unpack. It has no call for that alone: Start does it first and then runs initdb
// (embedded-postgres v1.34.0, embedded_postgres.go), which must not happen, because it would run as root. A data path that
// no file system accepts stops it in between; whether the programs are there tells how far it came.
func fetch(cache, work, unpacked string) error {
	err := embedded.NewDatabase(embedded.DefaultConfig().
		Version(embeddedVersion).
		CachePath(cache).
		RuntimePath(filepath.Join(work, "run")).
		BinariesPath(unpacked).
		DataPath("\x00").
		Port(0).
		Logger(io.Discard)).Start()
	if complete(filepath.Join(unpacked, "bin")) {
		return nil
	}
	if err == nil {
		err = errors.New("nothing was unpacked")
	}
	return fmt.Errorf("download PostgreSQL %s: %w", embeddedVersion, err)
}

func cacheDir(dir string) (string, error) {
	if dir == "" && os.Geteuid() == 0 {
		dir = "/var/cache/tracetally"
	}
	if dir == "" {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(base, "tracetally")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the user nobody must be able to run what lies there
		return "", err
	}
	return dir, reachable(dir)
}
