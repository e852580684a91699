package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"os/user"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"cairn/mailstore/message"
	"cairn/node"
	"cairn/node/api"
)

// sendmail is the command line that programs of Unix hand mail over with: cron, PHP, monitors.
type sendmail struct {
	fromFields bool   // recipients are those of the message too
	dots       bool   // a line with a dot alone is text
	from, name string // of the sender
	options    []string
	settings   []string // that have names
	mode       string
	domain     string // of addresses without one
	server     string // to hand over to; empty: the node's socket
}

func (a *app) cmdSendmail() *cobra.Command {
	var s sendmail
	c := &cobra.Command{
		Use:   "sendmail [RECIPIENT...]",
		Short: "Take a message from a program that knows sendmail",
		Long: `Take a message from standard input, with the options that cron, PHP and other programs give sendmail, and submit it to
the running node: through its socket, or with --server through the submission port, as programs of other users of this
machine have to. A program named sendmail that is a link to this one does the same.

What has no From gets one, and addresses without a domain get that of --domain, of /etc/mailname or of the organisation.
The sender has to be an address of an account, or one of submission.relay_from. The exit status is 75 where the program
should try again.`,
		Example: "  cairn sendmail -t -i < message\n  cairn sendmail --server 127.0.0.1:2525 -f root@alpha.example alice",
		Args:    between(0, 1000),
		RunE: func(c *cobra.Command, args []string) error {
			err := a.sendmail(c, &s, args)
			if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.CodeNotRunning {
				later := *a.notRunning(e)
				later.Code = api.CodeTryLater
				return &later
			}
			return err
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.BoolVarP(&s.fromFields, "read-recipients", "t", false, "recipients are those of To, Cc and Bcc too")
	f.BoolVarP(&s.dots, "ignore-dots", "i", false, "a line with a dot alone does not end the message")
	f.StringVarP(&s.from, "from", "f", "", "envelope sender (default: that of From)")
	f.StringVarP(&s.from, "sender", "r", "", "the same as --from")
	f.StringVarP(&s.name, "name", "F", "", "name of the sender, where the message has no From")
	f.StringArrayVarP(&s.options, "option", "o", nil, "an option of sendmail: i is -i, others change nothing")
	f.StringArrayVarP(&s.settings, "set", "O", nil, "a setting of sendmail: requiretls=yes has the mail go on over verified TLS alone (RFC 8689), others change nothing")
	f.StringVarP(&s.mode, "mode", "b", "m", "what sendmail is to do: m, to take a message, is all that there is")
	f.StringVar(&s.server, "server", "", "host:port of the submission listener, instead of the node's socket")
	f.StringVar(&s.domain, "domain", "", "domain of addresses that have none")
	for name, short := range map[string]string{"body": "B", "notify": "N", "return": "R", "envelope-id": "V"} {
		f.StringP(name, short, "", "changes nothing")
	}
	for name, short := range map[string]string{"verbose": "v", "gateway": "G", "no-aliases": "n", "initial": "U"} {
		f.BoolP(name, short, false, "changes nothing")
	}
	f.VisitAll(func(flag *pflag.Flag) { allowEmpty(c, flag.Name) }) // as sendmail does
	return c
}

// notDone is the error about a mode that there is none of, with what there is in its place.
func (s *sendmail) notDone() error {
	instead, hint := "it takes messages, and does nothing else", "cairn sendmail --help"
	switch s.mode {
	case "p":
		instead, hint = "the queue has a command of its own", "cairn queue ls"
	case "s":
		instead, hint = "have the program speak SMTP with the submission listener instead", "cairn status"
	}
	return api.Errorf(api.CodeUsage, hint, "understanding the command: -b%s is nothing that this sendmail does; %s", s.mode, instead)
}

// sendmail submits what stands on standard input.
func (a *app) sendmail(c *cobra.Command, s *sendmail, args []string) error {
	if s.mode != "m" {
		return s.notDone()
	}
	raw, err := a.read(c.Context(), "-")
	if err != nil {
		return fmt.Errorf("reading the message: %w", err)
	}
	if !s.dots && !slices.Contains(s.options, "i") {
		raw = untilDot(raw)
	}
	r, err := s.letter(a.dir, crlf(raw), args)
	if err != nil {
		return err
	}
	r.RequireTLS = slices.ContainsFunc(s.settings, func(v string) bool { return strings.EqualFold(v, "requiretls=yes") })
	if s.server != "" && r.RequireTLS {
		return usage(c, "REQUIRETLS is asked for through the node's socket: leave --server out, or have a program that begins TLS ask the submission port")
	}
	if s.server != "" {
		return s.submit(c.Context(), r)
	}
	client := a.client()
	defer client.Close()
	sent, err := client.Send(c.Context(), r)
	if err == nil && a.json {
		return a.print(sent, nil)
	}
	return err
}

// untilDot is a message up to the line that ends it (as of sendmail without -i).
func untilDot(raw []byte) []byte {
	for at := 0; at < len(raw); {
		line := raw[at:]
		if n := bytes.IndexByte(line, '\n'); n >= 0 {
			line = line[:n+1]
		}
		if string(bytes.TrimRight(line, "\r\n")) == "." {
			return raw[:at]
		}
		at += len(line)
	}
	return raw
}

// letter is the message with its envelope.
func (s *sendmail) letter(dir string, raw []byte, args []string) (r api.SendRequest, err error) {
	domain, err := s.home(dir)
	if err != nil {
		return r, err
	}
	r.Raw = withDomains(raw, domain)
	m := message.ParseHeader(r.Raw)
	switch {
	case s.from == "<>": // the null sender
	case s.from != "":
		r.From = qualified(s.from, domain)
	case len(m.From) == 1:
		r.From = message.CanonicalAddress(m.From[0].Addr)
	default:
		if r.From, err = whoRuns(domain); err != nil {
			return r, err
		}
	}
	if len(m.From) == 0 {
		author := r.From
		if author == "" {
			if author, err = whoRuns(domain); err != nil {
				return r, err
			}
		}
		r.Raw = append([]byte("From: "+withName(s.name, author)+"\r\n"), r.Raw...)
	}
	for _, to := range args {
		r.To = append(r.To, qualified(to, domain))
	}
	if s.fromFields {
		for _, field := range slices.Concat(m.To, m.Cc, message.ParseHeader(asTo(m.Headers("Bcc"))).To) {
			r.To = append(r.To, message.CanonicalAddress(field.Addr))
		}
	}
	slices.Sort(r.To)
	if r.To = slices.Compact(r.To); len(r.To) == 0 {
		return r, api.Errorf(api.CodeUsage, "name a recipient, or give -t for those of the message", "understanding the command: the message has no recipient")
	}
	return r, nil
}

// asTo is a header of which To has these values.
func asTo(values []string) []byte {
	if len(values) == 0 {
		return nil
	}
	return []byte("To: " + strings.Join(values, ", ") + "\r\n\r\n")
}

// home is the domain of addresses that have none.
func (s *sendmail) home(dir string) (string, error) {
	if s.domain != "" {
		return s.domain, nil
	}
	if c, err := node.LoadConfig(dir); err == nil && len(c.Organisation.Domains) > 0 {
		return c.Organisation.Domains[0], nil
	}
	if b, err := os.ReadFile("/etc/mailname"); err == nil && strings.TrimSpace(string(b)) != "" {
		return strings.TrimSpace(string(b)), nil
	}
	return "", api.Errorf(api.CodeUsage, "give it with --domain, or write it into /etc/mailname",
		"understanding the command: the domain of addresses without one is not known")
}

// whoRuns is the address of who runs this command.
func whoRuns(domain string) (string, error) {
	u, err := user.Current()
	if err != nil {
		return "", fmt.Errorf("finding out who sends: %w", err)
	}
	return u.Username + "@" + domain, nil
}

func qualified(addr, domain string) string {
	addr = strings.TrimSuffix(strings.TrimPrefix(addr, "<"), ">")
	if !strings.Contains(addr, "@") {
		return addr + "@" + domain
	}
	return message.CanonicalAddress(addr)
}

// withName is an address with a name, if there is one.
func withName(name, addr string) string {
	if name = line(name, 0); name == "" {
		return "<" + addr + ">"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `" <` + addr + ">"
}

// bareAddress is a field with one address that has no domain, as in "root (Cron Daemon)".
var bareAddress = regexp.MustCompile(`(?i)^((?:From|Sender|Reply-To|To|Cc|Bcc):[ \t]*(?:[^<>,@()"]*<|"[^"@]*"[ \t]*<)?)([a-z0-9._+-]+)(>?[ \t]*(?:\([^()]*\))?[ \t]*)$`)

// withDomains is a message in whose header such addresses have a domain. One that begins with no
// field gets the empty line that ends a header.
func withDomains(raw []byte, domain string) []byte {
	header, body, found := bytes.Cut(raw, []byte("\r\n\r\n"))
	if name, _, ok := bytes.Cut(header, []byte(":")); !ok || len(name) == 0 || bytes.ContainsAny(name, " \t\r\n") {
		return append([]byte("\r\n"), bytes.TrimPrefix(raw, []byte("\r\n"))...)
	}
	lines := strings.Split(strings.TrimSuffix(string(header), "\r\n"), "\r\n")
	for i, l := range lines {
		folded := i+1 < len(lines) && strings.HasPrefix(lines[i+1], " ") || i+1 < len(lines) && strings.HasPrefix(lines[i+1], "\t")
		if !folded {
			lines[i] = bareAddress.ReplaceAllString(l, "${1}${2}@"+strings.ReplaceAll(domain, "$", "$$")+"${3}")
		}
	}
	whole := strings.Join(lines, "\r\n") + "\r\n\r\n"
	if !found {
		return []byte(whole)
	}
	return append([]byte(whole), body...)
}

// submit hands a message to a submission listener of this machine.
func (s *sendmail) submit(ctx context.Context, r api.SendRequest) error {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", s.server)
	if err == nil {
		err = s.session(ctx, conn, r)
	}
	if refused, ok := errors.AsType[*textproto.Error](err); ok && refused.Code >= 500 {
		return s.refused(refused, conn.RemoteAddr())
	}
	if err != nil {
		return api.Errorf(api.CodeTryLater, "look whether a node listens there; where, tells: cairn status", "sending through %s: %v", s.server, err)
	}
	return nil
}

// refused is what the listener at an address did not take. Programs of this machine go without a
// password at loopback addresses alone: by another one they come as from anywhere.
func (s *sendmail) refused(reply *textproto.Error, at net.Addr) error {
	code, next := api.CodeInvalid, "correct the message or its addresses"
	if strings.HasPrefix(reply.Msg, "5.7.") { // as the socket has it, see RFC 3463, section 3.8
		code = api.CodeNotAllowed
	}
	if reply.Code == 530 {
		next = `let programs of this machine send without a password: submission.unauthenticated = "always"`
		if there, ok := at.(*net.TCPAddr); ok && !there.IP.IsLoopback() {
			next = fmt.Sprintf("go by 127.0.0.1, where programs of this machine need no password: let submission.listen be \"0.0.0.0:%d\", and give --server 127.0.0.1:%d", there.Port, there.Port)
		}
	}
	return api.Errorf(code, next, "sending: %s answers: %d %s", s.server, reply.Code, line(reply.Msg, 0))
}

func (s *sendmail) session(ctx context.Context, conn net.Conn, r api.SendRequest) error {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	host, _, _ := net.SplitHostPort(s.server)
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Mail(r.From); err != nil {
		return err
	}
	for _, to := range r.To {
		if err := c.Rcpt(to); err != nil {
			return err
		}
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := w.Write(r.Raw); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return c.Quit()
}
