package readers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// mutt asks mutt, which wants a terminal: script(1) gives it one. Each mail is in a maildir of its
// own, and shown by a pager that keeps what it is given.
type mutt struct{ dir string }

func openMutt(dir string) (Reader, error) {
	return &mutt{dir}, os.WriteFile(filepath.Join(dir, "pager"), []byte(fmt.Sprintf(
		"#!/bin/sh\n{ echo %s$1; cat \"$2\"; echo; } >>%s\n", separator, shellQuote(filepath.Join(dir, "shown")))), 0o755)
}

func (m *mutt) Close() error { return nil }

const muttConfig = `set prompt_after=no charset=utf-8 wait_key=no weed=yes implicit_autoview=no
set mail_check_stats=no mark_old=no read_inc=0 sleep_time=0 mailcap_path=/dev/null
set wrap=0 markers=no pager_format="%[%s]" header_cache="" use_envelope_from=no confirmappend=no
set quit=yes delete=no move=no spoolfile=/dev/null mbox=/dev/null record=/dev/null
ignore *
unignore from sender to cc reply-to subject
hdr_order from sender to cc reply-to subject
`

// muttTime bounds a batch: mutt that waits for a key would wait for ever.
const muttTime = 2 * time.Minute

func (m *mutt) Read(ctx context.Context, mails [][]byte) ([]Shown, error) {
	out := filepath.Join(m.dir, "shown")
	if err := os.RemoveAll(out); err != nil {
		return nil, err
	}
	folder := filepath.Join(m.dir, "mails")
	if err := os.RemoveAll(folder); err != nil {
		return nil, err
	}
	var keys bytes.Buffer
	for i, mail := range mails {
		box := filepath.Join(folder, fmt.Sprint(i))
		for _, sub := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(box, sub), 0o755); err != nil {
				return nil, err
			}
		}
		if err := os.WriteFile(filepath.Join(box, "cur", "1:2,S"), asFile(mail), 0o644); err != nil {
			return nil, err
		}
		fmt.Fprintf(&keys, "<enter-command>set pager='%s %d'<enter><change-folder-readonly>%s<enter><display-message>",
			filepath.Join(m.dir, "pager"), i, box)
	}
	config := filepath.Join(m.dir, "muttrc")
	text := fmt.Sprintf("%spush \"%s<exit>\"\n", muttConfig, keys.String())
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	timed, stop := context.WithTimeout(ctx, muttTime)
	defer stop()
	first := filepath.Join(folder, "0")
	command := fmt.Sprintf("exec mutt -n -R -F %s -f %s", shellQuote(config), shellQuote(first))
	if _, err := run(timed, m.dir, nil, "script", "-qfec", command, "/dev/null"); err != nil && ctx.Err() != nil {
		return nil, err
	}
	all, err := os.ReadFile(out)
	if err != nil {
		return nil, fmt.Errorf("mutt showed nothing: %w", err)
	}
	shown := make([]Shown, len(mails))
	for i := range mails {
		_, after, _ := strings.Cut(string(all), fmt.Sprintf("%s%d\n", separator, i))
		text, _, _ := strings.Cut(after, separator)
		shown[i] = muttShown(text)
	}
	return shown, nil
}

// muttMark is a line about a part; how it is encoded is what relays change.
var muttMark = regexp.MustCompile(`(?m)^(\[-- Type: [^,\n]*),.* --\]$`)

// muttShown reads: the line that the pager's format makes, empty line, header, empty line, content.
func muttShown(out string) Shown {
	date, rest, ok := strings.Cut(out, "\n\n")
	if !ok {
		return Shown{Broken: {"error"}}
	}
	header, body, _ := strings.Cut(rest, "\n\n")
	shown := terminalFields(header)
	shown[Date] = []string{strings.TrimSpace(date)}
	shown[Text] = []string{muttMark.ReplaceAllString(body, "$1 --]")}
	return shown
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
