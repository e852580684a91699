package cli

import "testing"

// Commands that are named can be typed as they stand: by the name that this program was started
// with, for the node that is meant.
func TestCommandsCanBeTyped(t *testing.T) {
	for name, want := range map[string]string{
		"cairn":                               "cairn",
		"./cairn":                             "./cairn",
		"/opt/my programs/cairn":              "'/opt/my programs/cairn'",
		"/tmp/go-build123/b001/exe/cairn":     "go run .",
		"/cache/ann/go-build/b0/b023-d/cairn": "go run .",
		"/cache/go-build/ab/cd/cairn":         "/cache/go-build/ab/cd/cairn",
	} {
		if got := startedAs(name); got != want {
			t.Errorf("started as %s: %s, want %s", name, got, want)
		}
	}
	a := &app{dir: "my node", command: "go run ."}
	for hint, want := range map[string]string{
		"cairn run":                   "go run . run --dir 'my node'",
		"to go on with it: cairn run": "to go on with it: go run . run --dir 'my node'",
		"cairn label add --help":      "go run . label add --help",
		"cairn --help":                "go run . --help",
		"cairn help":                  "go run . help",
		"cairn testnet":               "go run . testnet",
		"cairn join --dir x - < i":    "go run . join --dir x - < i",
		"ask cairn for it":            "ask cairn for it",
		"choose another directory":    "choose another directory",
	} {
		if got := a.typable(hint); got != want {
			t.Errorf("%q becomes %q, want %q", hint, got, want)
		}
	}
}
