package readers

import (
	"bytes"
	"context"
	"fmt"
	"strings"
)

// snail asks s-nail, which shows many mails in one go.
type snail struct{ dir string }

func openSnail(dir string) (Reader, error) { return &snail{dir}, nil }

func (s *snail) Close() error { return nil }

// separator stands between what two mails show. No mutant has it.
const separator = "@@cairn-readers-5f1d6c0e@@"

func (s *snail) Read(ctx context.Context, mails [][]byte) ([]Shown, error) {
	folder, err := spread(s.dir, mails, asFile)
	if err != nil {
		return nil, err
	}
	var commands bytes.Buffer
	for i := range mails {
		fmt.Fprintf(&commands, "echo %s%d\nFile eml://%s/%d\nif $? -eq 0\nfrom 1\ntype 1\nendif\n", separator, i, folder, i)
	}
	out, err := run(ctx, s.dir, commands.Bytes(), "s-nail", "-n", "-#", "-R", "-S", "nosave", "-S", "headline=%40d",
		"-S", "datefield=%Y-%m-%d", "-Y", "retain from sender to cc reply-to subject")
	if err != nil {
		return nil, err
	}
	shown := make([]Shown, len(mails))
	for i := range mails {
		_, after, _ := strings.Cut(string(out), fmt.Sprintf("%s%d\n", separator, i))
		text, _, _ := strings.Cut(after, separator)
		shown[i] = snailShown(text)
	}
	return shown, nil
}

// snailShown reads: a line with the date, a line about the message, header, empty line, content.
func snailShown(out string) Shown {
	date, rest, _ := strings.Cut(out, "\n")
	_, rest, ok := strings.Cut(rest, "\n")
	if !ok {
		return Shown{Broken: {"error"}}
	}
	header, body, _ := strings.Cut(rest, "\n\n")
	shown := terminalFields(header)
	shown[Date] = []string{strings.TrimSpace(date)}
	var lines []string
	for line := range strings.Lines(body) {
		if inner, marked := strings.CutPrefix(line, "[-- "); marked {
			line = snailMark(inner)
		}
		lines = append(lines, line)
	}
	shown[Text] = []string{strings.Join(lines, "")}
	return shown
}

// snailMark keeps of a line about a part what a person reads off it: number, type and name, not
// how it is encoded, which relays change.
func snailMark(s string) string {
	words := strings.Fields(strings.TrimSuffix(strings.TrimSpace(s), "--]"))
	if len(words) == 0 || !strings.HasPrefix(words[0], "#") {
		return "[-- " + s
	}
	mark := words[0]
	if len(words) > 2 && strings.Contains(words[2], "/") {
		mark += " " + strings.TrimSuffix(words[2], ",")
	}
	return "[-- " + mark + "\n"
}

// terminalFields reads header lines as a terminal shows them.
func terminalFields(header string) Shown {
	shown := Shown{}
	var last Field
	for line := range strings.Lines(header) {
		if line[0] == ' ' || line[0] == '\t' {
			if n := len(shown[last]); n > 0 {
				shown[last][n-1] += line
			}
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		last = Field(strings.ToLower(name))
		shown[last] = append(shown[last], strings.TrimSpace(value))
	}
	return shown
}
