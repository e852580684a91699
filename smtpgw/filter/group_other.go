//go:build !unix

package filter

import "os/exec"

// ownGroup does nothing: here only the program itself can be ended.
func ownGroup(*exec.Cmd) {}

func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }
