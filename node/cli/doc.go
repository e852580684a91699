// Package cli is the cairn command. Each group of subcommands has a file of its own,
// cmd_<group>.go; main.go holds what they share.
//
// With --json a command prints exactly one JSON document on standard output, also when it fails;
// progress and the log go to standard error. Everything printed has passed a gate that makes
// control characters of mail harmless to terminals, but for what is meant for other programs: the
// mail that "show --raw" writes, and the log.
//
// Exit codes: 0 ok or verified, 1 error, 2 usage, 3 no record of the sender's organisation, 4
// changed, 5 pending, 6 node not running, 7 not allowed, 8 missing, replayed or invalid, 75 try
// later.
package cli
