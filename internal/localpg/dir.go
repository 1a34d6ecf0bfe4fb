package localpg

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const dirPattern = "tracetally-pg-"

// sweepAge is when a directory that nobody holds is taken to be left behind.
const sweepAge = time.Minute

// newDir makes the server's directory and a locked file in it that says "in use" for as long as this process lives.
func newDir() (string, *os.File, error) {
	if err := reachable(os.TempDir()); err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", dirPattern)
	if err != nil {
		return "", nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // in a directory made just now
	if err != nil {
		return dir, nil, err
	}
	if !tryLock(lock) {
		return dir, lock, fmt.Errorf("lock %s", lock.Name())
	}
	return dir, lock, nil
}

// sweep removes the directories of processes that were killed before they could close their server. It is best effort:
// one that cannot be removed (another user's) is left for its owner, and a young one too: it may not have locked its file yet.
func sweep(tmp string, age time.Duration) {
	dirs, _ := filepath.Glob(filepath.Join(tmp, dirPattern+"*"))
	for _, dir := range dirs {
		lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0) //nolint:gosec // opened for its lock only
		if err != nil {
			continue
		}
		info, err := lock.Stat()
		if err == nil && time.Since(info.ModTime()) >= age && tryLock(lock) {
			_ = os.RemoveAll(dir)
		}
		_ = lock.Close()
	}
}

// reachable tells whether every user can enter dir: as root the server runs as nobody.
func reachable(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil {
			return err
		}
		if info.Mode()&0o001 == 0 {
			return fmt.Errorf("enter %s: the user nobody may not (mode %o); set TMPDIR or the cache directory elsewhere", d, info.Mode().Perm())
		}
		if d == filepath.Dir(d) {
			return nil
		}
	}
}
