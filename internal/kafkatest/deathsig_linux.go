package kafkatest

import (
	"os/exec"
	"syscall"
)

// dieWithUs makes the kernel kill the broker when the thread that started it ends, so that a test that is killed leaves
// none behind.
func dieWithUs(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
