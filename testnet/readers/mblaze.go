package readers

import (
	"context"
	"regexp"
	"strings"
)

// mblaze asks mblaze: mshow for what it shows, mhdr for the time of the Date.
type mblaze struct{ dir string }

func openMblaze(dir string) (Reader, error) { return &mblaze{dir}, nil }

func (m *mblaze) Close() error { return nil }

func (m *mblaze) Read(ctx context.Context, mails [][]byte) ([]Shown, error) {
	return readFiles(ctx, m.dir, mails, m.read)
}

func (m *mblaze) read(ctx context.Context, mail string) (Shown, error) {
	const fields = "from:sender:to:cc:reply-to:subject"
	out, err := m.mshow(ctx, "-h", fields, mail)
	if err != nil {
		return nil, err
	}
	header, body, ok := strings.Cut(out, "\n\n")
	if strings.HasPrefix(out, "\n") { // none of the fields
		header, body, ok = "", out[1:], true
	}
	if !ok {
		return Shown{Broken: {"error"}}, nil
	}
	shown := terminalFields(header)
	shown[Text] = []string{mblazeText(body)}
	html, err := m.mshow(ctx, "-h", "none", "-A", "text/html:text/plain", mail)
	if err != nil {
		return nil, err
	}
	shown[HTML] = []string{mblazeText(html)}
	date, err := run(ctx, m.dir, nil, "mhdr", "-D", "-h", "date", mail)
	if err != nil {
		return nil, err
	}
	shown[Date] = []string{strings.TrimSpace(string(date))}
	shown[Attachments], err = m.files(ctx, mail)
	return shown, err
}

func (m *mblaze) mshow(ctx context.Context, args ...string) (string, error) {
	out, err := run(ctx, m.dir, nil, "mshow", append([]string{"-n"}, args...)...)
	return string(out), err
}

// mblazeMark is a line about a part: behind the type are its size before its charset is undone,
// which relays change (below 0 at an empty boundary: minus what stands before the part), and its
// name, which is told with the attachments.
var mblazeMark = regexp.MustCompile(`(?m)^((?:--- )+\d+: \S* )size=-?\d+.* ---$`)

// mblazeText is what is shown with the lines about parts as relays leave them.
func mblazeText(body string) string { return mblazeMark.ReplaceAllString(body, "$1---") }

// mblazePart is a line of the list of parts: number, type, size, and the name if there is one.
var mblazePart = regexp.MustCompile(`^ +(\d+): (\S*) size=-?\d+(.*)$`)

// files are the parts that have no parts: name and type, and the content of those that it shows as
// files alone.
func (m *mblaze) files(ctx context.Context, mail string) ([]string, error) {
	list, err := m.mshow(ctx, "-t", mail)
	if err != nil {
		return nil, err
	}
	files := []string{}
	for line := range strings.Lines(list) {
		part := mblazePart.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if part == nil || strings.HasPrefix(part[2], "multipart/") {
			continue
		}
		file := part[2] + part[3]
		if !strings.HasPrefix(part[2], "text/") && part[2] != "message/rfc822" {
			content, err := m.mshow(ctx, "-O", mail, part[1])
			if err != nil {
				return nil, err
			}
			file += " " + digest([]byte(content))
		}
		files = append(files, file)
	}
	return files, nil
}
