package localpg

import (
	"os/exec"
	"syscall"
)

// detach also ties the program's life to ours: when we die, however, the server is told to stop at once (SIGQUIT is
// PostgreSQL's immediate shutdown).
func detach(cmd *exec.Cmd, who owner) {
	cmd.SysProcAttr = attributes(who)
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
}
