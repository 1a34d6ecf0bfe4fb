//go:build unix && !linux

package localpg

import "os/exec"

// detach cannot tie the program's life to ours here: a server of a killed process stays until it is stopped by hand.
func detach(cmd *exec.Cmd, who owner) { cmd.SysProcAttr = attributes(who) }
