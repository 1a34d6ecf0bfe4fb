//go:build unix

package localpg

import (
	"fmt"
	"os"
	osuser "os/user"
	"strconv"
	"syscall"
)

// owner is the user that PostgreSQL runs as; the zero value is this process's own.
type owner struct {
	other    bool
	uid, gid uint32
}

// unprivileged is nobody for root, who may not run PostgreSQL, and oneself for everyone else.
func unprivileged() (owner, error) {
	if os.Geteuid() != 0 {
		return owner{}, nil
	}
	u, err := osuser.Lookup("nobody")
	if err != nil {
		return owner{}, err
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return owner{}, fmt.Errorf("read the uid of nobody: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return owner{}, fmt.Errorf("read the gid of nobody: %w", err)
	}
	return owner{other: true, uid: uint32(uid), gid: uint32(gid)}, nil
}

// own hands a path to the owner.
func (o owner) own(path string) error {
	if !o.other {
		return nil
	}
	return os.Chown(path, int(o.uid), int(o.gid))
}

// attributes puts a program into a process group of its own, so that Ctrl-C at the terminal does not reach it.
func attributes(who owner) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Setpgid: true}
	if who.other {
		attr.Credential = &syscall.Credential{Uid: who.uid, Gid: who.gid}
	}
	return attr
}

// tryLock takes an exclusive lock that ends with the process; false when another process holds it.
func tryLock(f *os.File) bool {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil
}
