package readers

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/text/encoding/htmlindex"
)

// dovecotIMAP is the program that speaks IMAP with who has already logged in.
const dovecotIMAP = "/usr/lib/dovecot/imap"

// dovecot asks Dovecot's IMAP server about a maildir of mails: ENVELOPE, BODYSTRUCTURE and PREVIEW
// of all, then the decoded content of each part (RFC 3516). What an IMAP client would do with the
// answers, decoding encoded words and charsets, is done here.
type dovecot struct {
	dir  string
	user *user.User
}

// openDovecot runs as somebody else where we are root: Dovecot gives no mail to root. So it has a
// folder that others reach.
func openDovecot(string) (Reader, error) {
	u, err := user.Current()
	if err == nil && u.Uid == "0" {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "cairn-dovecot-")
	if err != nil {
		return nil, err
	}
	return &dovecot{dir, u}, os.Chmod(dir, 0o755)
}

func (d *dovecot) Close() error { return os.RemoveAll(d.dir) }

// errDovecotEnded is the reason why a session says nothing of the mails.
var errDovecotEnded = errors.New("the IMAP server ended before its answers")

// Read asks again in halves where a mail ends the server.
func (d *dovecot) Read(ctx context.Context, mails [][]byte) ([]Shown, error) {
	shown, err := d.ask(ctx, mails)
	if !errors.Is(err, errDovecotEnded) || ctx.Err() != nil {
		return shown, err
	}
	if len(mails) == 1 {
		return []Shown{{Broken: {"ended"}}}, nil
	}
	half := len(mails) / 2
	first, err := d.Read(ctx, mails[:half])
	if err != nil {
		return nil, err
	}
	second, err := d.Read(ctx, mails[half:])
	return append(first, second...), err
}

func (d *dovecot) ask(ctx context.Context, mails [][]byte) ([]Shown, error) {
	names, err := d.maildir(mails)
	if err != nil {
		return nil, err
	}
	out, err := d.session(ctx, "b FETCH 1:* (X-GUID ENVELOPE BODYSTRUCTURE PREVIEW)\r\n")
	if err != nil {
		return nil, err
	}
	shown := make([]Shown, len(mails))
	for i := range shown {
		shown[i] = Shown{Broken: {"error"}}
	}
	var asked []imapPart
	for _, r := range out {
		i := slices.Index(names, word(r.items["X-GUID"]))
		if i < 0 {
			return nil, fmt.Errorf("the IMAP server tells of a mail that was not given: %v",
				r.items["X-GUID"])
		}
		var parts []imapPart
		shown[i], parts = dovecotShown(r.items)
		for _, p := range parts {
			p.mail, p.number = i, r.number
			asked = append(asked, p)
		}
	}
	contents := map[string]string{}
	for _, how := range []string{"BINARY.PEEK", "BODY.PEEK"} { // the second for what it cannot decode
		if err := d.contents(ctx, how, asked, contents); err != nil {
			return nil, err
		}
	}
	for _, p := range asked {
		p.show(shown[p.mail], contents[p.key()])
	}
	return shown, nil
}

// contents fetches the parts that are not yet there. Answers come in any order.
func (d *dovecot) contents(ctx context.Context, how string, asked []imapPart,
	contents map[string]string) error {
	var commands strings.Builder
	for i, p := range asked {
		if _, there := contents[p.key()]; !there {
			fmt.Fprintf(&commands, "p%d FETCH %s (%s[%s])\r\n", i, p.number, how, p.section)
		}
	}
	if commands.Len() == 0 {
		return nil
	}
	found, err := d.session(ctx, commands.String())
	if err != nil {
		return err
	}
	for _, f := range found {
		for name, value := range f.items {
			if _, section, ok := strings.Cut(name, "["); ok {
				contents[f.number+" "+strings.TrimSuffix(section, "]")] = word(value)
			}
		}
	}
	return nil
}

// maildir writes the mails and gives their names.
func (d *dovecot) maildir(mails [][]byte) ([]string, error) {
	root := filepath.Join(d.dir, "maildir")
	if err := os.RemoveAll(root); err != nil {
		return nil, err
	}
	uid, err := strconv.Atoi(d.user.Uid)
	if err != nil {
		return nil, err
	}
	for _, sub := range []string{"", "cur", "new", "tmp"} {
		folder := filepath.Join(root, sub)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
		if os.Getuid() == 0 {
			if err := os.Chown(folder, uid, -1); err != nil {
				return nil, err
			}
		}
	}
	names := make([]string, len(mails))
	for i, m := range mails {
		names[i] = fmt.Sprintf("%d.M%d.readers", 1_000_000_000+i, i)
		if err := os.WriteFile(filepath.Join(root, "cur", names[i]+":2,S"), m, 0o644); err != nil {
			return nil, err
		}
	}
	config := fmt.Sprintf("mail_location = maildir:%s\nlog_path = /dev/stderr\nmail_uid = %s\nfirst_valid_uid = 1\n",
		root, d.user.Username)
	return names, os.WriteFile(filepath.Join(d.dir, "dovecot.conf"), []byte(config), 0o644)
}

// fetched is one FETCH answer.
type fetched struct {
	number string
	items  map[string]any
}

// session says commands to a fresh server and gives all that it fetched.
func (d *dovecot) session(ctx context.Context, commands string) ([]fetched, error) {
	cmd := exec.CommandContext(ctx, dovecotIMAP, "-c", filepath.Join(d.dir, "dovecot.conf"))
	cmd.Env = environment("USER="+d.user.Username, "HOME="+filepath.Join(d.dir, "maildir"))
	cmd.Dir = filepath.Join(d.dir, "maildir")
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if os.Getuid() == 0 {
		uid, _ := strconv.ParseUint(d.user.Uid, 10, 32)
		gid, _ := strconv.ParseUint(d.user.Gid, 10, 32)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid),
			Gid: uint32(gid)}}
	}
	in, err := cmd.StdinPipe() // open to the end: Dovecot drops what it has not answered when it closes
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	io.WriteString(in, "a SELECT INBOX\r\n"+commands+"z LOGOUT\r\n") // an error is one of Wait
	if err := cmd.Wait(); err != nil || !bytes.Contains(out.Bytes(), []byte("\r\nz OK")) {
		return nil, errors.Join(errDovecotEnded, err, ctx.Err(), errors.New(complaints.String()))
	}
	var found []fetched
	for p := (imapReader{bufio.NewReader(&out)}); ; {
		line, err := p.response()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		if len(line) == 4 && word(line[0]) == "*" && word(line[2]) == "FETCH" {
			found = append(found, fetched{word(line[1]), items(line[3])})
		}
	}
}

func word(v any) string {
	s, _ := v.(string)
	return s
}

func items(v any) map[string]any {
	list, _ := v.(imapList)
	found := map[string]any{}
	for i := 0; i+1 < len(list); i += 2 {
		found[word(list[i])] = list[i+1]
	}
	return found
}

// clientWords decodes encoded words as a client does.
func clientWords(v any) string {
	decoder := mime.WordDecoder{CharsetReader: func(charset string, in io.Reader) (io.Reader,
		error) {
		e, err := htmlindex.Get(charset)
		if err != nil {
			return nil, err
		}
		return e.NewDecoder().Reader(in), nil
	}}
	s := word(v)
	if decoded, err := decoder.DecodeHeader(s); err == nil {
		return strings.ToValidUTF8(decoded, "\ufffd")
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
