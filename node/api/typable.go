package api

import (
	"slices"
	"strings"
)

// Typable makes the command in a hint, which has it alone or behind ": ", one that can be typed as
// it stands: it starts this program as program does, and a command for a node names its directory
// at the end.
func Typable(hint, program, dir string) string {
	at := 0
	if !strings.HasPrefix(hint, "cairn ") {
		if at = strings.Index(hint, ": cairn ") + 2; at < 2 {
			return hint
		}
	}
	command := hint[at+len("cairn "):]
	if forNode(command) {
		command += " --dir " + ShellWord(dir)
	}
	return hint[:at] + program + " " + command
}

// forNode reports whether the arguments of a command ask for a directory that they do not have yet.
func forNode(command string) bool {
	first, _, _ := strings.Cut(command, " ")
	return !slices.Contains([]string{"help", "testnet", "bench"}, first) && !strings.Contains(" "+command, " --help") && !strings.Contains(command, "--dir ")
}

// ShellWord quotes s where a shell would not take it as one word as it is.
func ShellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:,=@%", r) || r >= 0x80
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
