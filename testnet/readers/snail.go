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

// snailCR is how a carriage return is shown that came as =0D. The one before a line end in base64
// is not shown.
const snailCR = "\u240d"

func (s *snail) Read(ctx context.Context, mails [][]byte) ([]Shown, error) {
	folder, err := spread(s.dir, mails, asFile)
	if err != nil {
		return nil, err
	}
	shown := make([]Shown, 0, len(mails))
	for len(shown) < len(mails) { // a mail that ends the program is skipped in the next go
		texts, err := s.show(ctx, folder, len(shown), len(mails))
		if err != nil {
			return nil, err
		}
		for _, text := range texts {
			shown = append(shown, snailShown(text))
		}
	}
	return shown, nil
}

// show gives what s-nail writes of mails, up to the end or the first that it does not survive.
func (s *snail) show(ctx context.Context, folder string, from, to int) ([]string, error) {
	var commands bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&commands, "echo %s\nFile eml://%s/%d\nif $? -eq 0\nfrom 1\ntype 1\nendif\n",
			separator, folder, i)
	}
	out, err := run(ctx, s.dir, commands.Bytes(), "s-nail", "-n", "-#", "-R", "-S", "nosave", "-S", "mailcap-disable", "-S",
		"headline=%40d",
		"-S", "datefield=%Y-%m-%d", "-Y", "retain from sender to cc reply-to subject")
	if err != nil {
		return nil, err
	}
	texts := strings.Split(string(out), separator+"\n")
	if len(texts) < 2 {
		return []string{""}, nil // it does not survive the first one
	}
	return texts[1:], nil
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
		line = strings.Replace(line, snailCR+"\n", "\n", 1)
		lines = append(lines, line)
	}
	shown[Text] = []string{strings.Join(lines, "")}
	return shown
}

// snailMark keeps of a line about a part what a person reads off it: number, type and name, not
// in which case that is written nor how it is encoded, which relays change.
func snailMark(s string) string {
	words := strings.Fields(strings.TrimSuffix(strings.TrimSpace(s), "--]"))
	if len(words) == 0 || !strings.HasPrefix(words[0], "#") {
		return "[-- " + s
	}
	mark := words[0]
	if len(words) > 2 && strings.Contains(words[2], "/") {
		mark += " " + strings.ToLower(strings.TrimSuffix(words[2], ","))
	}
	return "[-- " + mark + "\n"
}

// terminalFields reads header lines as a terminal shows them.
func terminalFields(header string) Shown {
	shown := Shown{From: {}, Sender: {}, To: {}, Cc: {}, ReplyTo: {}, Subject: {}}
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
