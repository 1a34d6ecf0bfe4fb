//go:build !linux

package kafkatest

import "os/exec"

// dieWithUs has no counterpart here: after a test that was killed, the broker is ended by hand.
func dieWithUs(*exec.Cmd) {}
