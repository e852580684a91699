package readers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
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
set crypt_verify_sig=no
set quit=yes delete=no move=no spoolfile=/dev/null mbox=/dev/null record=/dev/null
ignore *
unignore from sender to cc reply-to subject
hdr_order from sender to cc reply-to subject
`

// muttTime bounds a batch: mutt that waits for a key would wait for ever.
const muttTime = 2 * time.Minute

func (m *mutt) Read(ctx context.Context, mails [][]byte) ([]Shown, error) {
	folder := filepath.Join(m.dir, "mails")
	if err := os.RemoveAll(folder); err != nil {
		return nil, err
	}
	for i, mail := range mails {
		box := filepath.Join(folder, strconv.Itoa(i))
		for _, sub := range []string{"cur", "new", "tmp"} {
			if err := os.MkdirAll(filepath.Join(box, sub), 0o755); err != nil {
				return nil, err
			}
		}
		if err := os.WriteFile(filepath.Join(box, "cur", "1:2,S"), asFile(mail),
			0o644); err != nil {
			return nil, err
		}
	}
	shown := make([]Shown, 0, len(mails))
	for len(shown) < len(mails) { // a mail that ends the program is skipped in the next go
		texts, err := m.show(ctx, folder, len(shown), len(mails))
		if err != nil {
			return nil, err
		}
		for _, text := range texts {
			shown = append(shown, muttShown(text))
		}
	}
	return shown, nil
}

// show gives what mutt shows of mails, up to the end or the first that it does not survive, which
// counts as shown empty.
func (m *mutt) show(ctx context.Context, folder string, from, to int) ([]string, error) {
	out := filepath.Join(m.dir, "shown")
	if err := os.WriteFile(out, nil, 0o644); err != nil {
		return nil, err
	}
	var keys bytes.Buffer
	for i := from; i < to; i++ {
		fmt.Fprintf(&keys,
			"<enter-command>set pager='%s %d'<enter><change-folder-readonly>%s/%d<enter><display-message>",
			filepath.Join(m.dir, "pager"), i, folder, i)
	}
	config := filepath.Join(m.dir, "muttrc")
	text := fmt.Sprintf("%sset folder='%s'\npush \"%s<exit>\"\n", muttConfig, m.dir, keys.String())
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return nil, err
	}
	timed, stop := context.WithTimeout(ctx, muttTime)
	defer stop()
	command := fmt.Sprintf("exec mutt -n -R -F %s -f %s/%d", shellQuote(config), shellQuote(folder),
		from)
	if _, err := run(timed, m.dir, nil, "script", "-qfec", command, "/dev/null"); err != nil &&
		timed.Err() == nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	all, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	var texts []string
	for i := from; i < to; i++ {
		_, after, there := strings.Cut(string(all), fmt.Sprintf("%s%d\n", separator, i))
		text, _, _ := strings.Cut(after, separator)
		texts = append(texts, text)
		if !there {
			break
		}
	}
	return texts, nil
}

// muttMark is a line about a part; how it is encoded is what relays change, and the type has no
// case.
var muttMark = regexp.MustCompile(`(?m)^\[-- (Type: [^,\n]*,|\S+ is unsupported).* --\]$`)

// muttShown reads: the line that the pager's format makes, empty line, header, empty line, content.
func muttShown(out string) Shown {
	date, rest, ok := strings.Cut(out, "\n\n")
	if !ok {
		return Shown{Broken: {"error"}}
	}
	header, body, _ := strings.Cut(rest, "\n\n")
	shown := terminalFields(header)
	shown[Date] = []string{strings.TrimSpace(date)}
	shown[Text] = []string{muttMark.ReplaceAllStringFunc(body, func(line string) string {
		line, _, _ = strings.Cut(line, ",")
		return strings.ToLower(line)
	})}
	return shown
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
