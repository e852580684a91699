package doctor

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Milter is what is known of a mail server beside the node that asks about its mail.
type Milter struct {
	Listen     string // where the node is asked, as milter.listen has it
	MailServer string // host:port; empty: none
	Via        bool   // mail leaves for others by that server
	MaxSize    int64  // octets of a message that the node takes

	Postfix *Postfix // nil: it cannot be asked
	Fault   string   // why not
}

// Postfix are settings of one (postconf(5)).
type Postfix struct {
	Main     map[string]string
	Services []Service
	Cleanup  Service // what takes mail of the command sendmail
}

// Service is one of its listeners for SMTP (master(5)).
type Service struct {
	Name   string            // host:port, or a port
	Over   map[string]string // parameters that it overrides
	Chroot bool              // to it queue_directory is the root of all paths
}

// PostfixSettings are the parameters that are looked at.
var PostfixSettings = append([]string{
	"smtpd_milters", "non_smtpd_milters", "milter_default_action", "milter_content_timeout", "message_size_limit",
	"message_drop_headers", "receive_override_options", "queue_directory", "compatibility_level",
}, slices.Concat(rewritesOut, rewritesIn, checksIn)...)

// rewritesOut change mail on its way out of Postfix, rewritesIn when it takes it, and checksIn too
// unless its listener is told not to.
var (
	rewritesOut = []string{"smtp_generic_maps", "smtp_header_checks", "smtp_mime_header_checks", "smtp_nested_header_checks", "smtp_body_checks"}
	rewritesIn  = []string{"canonical_maps", "sender_canonical_maps", "recipient_canonical_maps", "masquerade_domains", "content_filter"}
	checksIn    = []string{"header_checks", "mime_header_checks", "nested_header_checks", "body_checks"}
)

// ParsePostfix reads what "postconf -x", "postconf -M" and "postconf -Px" print: settings, each as
// "name = value"; services; and what these override, as "name/type/parameter = value".
func ParsePostfix(main, master, over string) *Postfix {
	p := &Postfix{Main: make(map[string]string)}
	for name, value := range settings(main) {
		p.Main[name] = value
	}
	for line := range strings.Lines(master) {
		f := strings.Fields(line)
		if len(f) < 8 {
			continue
		}
		chroot := f[4] == "y" || f[4] == "-" && p.chrootsByDefault()
		if f[0] == "cleanup" && f[1] == "unix" {
			p.Cleanup = Service{Name: f[0], Chroot: chroot}
		}
		if f[1] != "inet" || f[7] != "smtpd" {
			continue
		}
		s := Service{Name: f[0], Over: make(map[string]string), Chroot: chroot}
		for name, value := range settings(over) {
			if parameter, of := strings.CutPrefix(name, f[0]+"/inet/"); of {
				s.Over[parameter] = value
			}
		}
		p.Services = append(p.Services, s)
	}
	return p
}

// chrootsByDefault reports whether services are in a chroot of which master.cf does not say
// (master(5)).
func (p *Postfix) chrootsByDefault() bool {
	level, _, _ := strings.Cut(p.Main["compatibility_level"], ".")
	n, err := strconv.ParseUint(level, 10, 16)
	return err == nil && n < 1
}

func settings(text string) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for line := range strings.Lines(text) {
			name, value, found := strings.Cut(line, "=")
			if found && !yield(strings.TrimSpace(name), strings.TrimSpace(value)) {
				return
			}
		}
	}
}

// of is what a service goes by.
func (p *Postfix) of(s *Service, name string) string {
	if value, over := s.Over[name]; over {
		return value
	}
	return p.Main[name]
}

// words are the items of a list in a setting.
func words(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' })
}

// findings looks at the settings of the mail server beside the node.
func (m *Milter) findings() []Finding {
	const id = "milter"
	if m.Postfix == nil {
		return []Finding{{ID: id, Level: Unknown, Found: "not known: " + m.Fault, Next: "see that the mail server is set up as doc/milter.md says"}}
	}
	p := m.Postfix
	list := m.asks()
	if action := p.Main["milter_default_action"]; action != "tempfail" {
		list = append(list, Finding{ID: "milter-default-action", Level: Fail, Found: fmt.Sprintf("milter_default_action is %q", action),
			Why: "while this node is away, mail would be taken without it or refused for good", Next: "postconf -e milter_default_action=tempfail"})
	}
	if most, err := strconv.ParseInt(p.Main["message_size_limit"], 10, 64); err == nil && (most == 0 || most > m.MaxSize) {
		list = append(list, Finding{ID: "milter-size", Level: Warn, Found: fmt.Sprintf("message_size_limit is %d, and this node takes %d octets", most, m.MaxSize),
			Why: "mail in between is refused only when all of it has come", Next: fmt.Sprintf("postconf -e message_size_limit=%d, or raise mail.max_size in the configuration", m.MaxSize)})
	}
	if d, err := postfixTime(p.Main["milter_content_timeout"]); err == nil && d < leastPatience {
		list = append(list, Finding{ID: "milter-timeout", Level: Warn, Found: "milter_content_timeout is " + p.Main["milter_content_timeout"],
			Why: "the DNS may take more than a minute to say whether mail is from where it claims to be", Next: "postconf -e milter_content_timeout=300s"})
	}
	list = append(list, m.back()...)
	if m.Via {
		list = append(list, m.changes()...)
	}
	if len(list) == 0 {
		return []Finding{ok(id, "", "Postfix asks at %s", m.Listen)}
	}
	return list
}

// leastPatience is more than all questions about one message take.
const leastPatience = 2 * time.Minute

// postfixTime reads a time as Postfix has it: a number, of seconds, or with a unit.
func postfixTime(s string) (time.Duration, error) {
	unit := time.Second
	if n := len(s) - 1; n > 0 {
		if u, is := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[s[n]]; is {
			s, unit = s[:n], u
		}
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return time.Duration(n) * unit, err
}

// names are what a service may call the place where the node is asked, the first of them in and out
// of a chroot; none: it does not reach that place. A path without / at its front begins at
// queue_directory.
func (m *Milter) names(s *Service) (all []string) {
	file, socket := strings.CutPrefix(m.Listen, "unix:")
	if !socket {
		return []string{m.Listen}
	}
	file = path.Clean(file)
	below, within := strings.CutPrefix(file, path.Clean("/"+m.Postfix.Main["queue_directory"])+"/")
	if within {
		all = append(all, "unix:"+below)
	}
	switch {
	case !s.Chroot:
		all = append(all, "unix:"+file)
	case within:
		all = append(all, "unix:/"+below)
	}
	return all
}

// place is where the node is in what a service asks; -1: nowhere.
func (m *Milter) place(s *Service, filters []string) int {
	names := m.names(s)
	return slices.IndexFunc(filters, func(filter string) bool {
		if file, local := strings.CutPrefix(filter, "local:"); local { // as Sendmail has it
			filter = "unix:" + file
		}
		return slices.Contains(names, filter)
	})
}

// unasked is of a service whose parameter does not name the node.
func (m *Milter) unasked(f Finding, s *Service, parameter string, filters []string) Finding {
	names := m.names(s)
	switch {
	case len(names) == 0:
		f.Found = fmt.Sprintf("it runs in a chroot, and does not reach %s", m.Listen)
		f.Next = fmt.Sprintf("let milter.listen be \"inet:127.0.0.1:8892\" or a socket below %s in the configuration, and have %s name that", m.Postfix.Main["queue_directory"], parameter)
	case s.Chroot && slices.Contains(filters, m.Listen):
		f.Found = fmt.Sprintf("it runs in a chroot, in which %s is another place, where nobody answers", m.Listen)
		f.Why = "no mail is taken while milter_default_action is tempfail"
		f.Next = fmt.Sprintf("postconf -e '%s=%s'", parameter, names[0])
	default:
		f.Next = fmt.Sprintf("postconf -e '%s=%s'", parameter, names[0])
		if parameter == "smtpd_milters" {
			f.Next += ", and let no listener in master.cf override it"
		}
	}
	return f
}

// asks holds the listeners to asking this node, first of all filters.
func (m *Milter) asks() (list []Finding) {
	p := m.Postfix
	for i := range p.Services {
		s := &p.Services[i]
		if s.Name == m.MailServer {
			continue
		}
		filters := words(p.of(s, "smtpd_milters"))
		switch at := m.place(s, filters); {
		case at < 0:
			list = append(list, m.unasked(Finding{ID: "milter-asks", About: s.Name, Level: Fail, Found: "mail that comes there is not asked about",
				Why: "it leaves without a record, and arrives without a verdict"}, s, "smtpd_milters", filters))
		case at > 0:
			list = append(list, Finding{ID: "milter-first", About: s.Name, Level: Warn, Found: "other filters see mail before this node: " + strings.Join(filters[:at], ", "),
				Why: "what they change in mail that arrives looks as if it was changed on its way, and their X-Spam fields are removed", Next: "name " + filters[at] + " first in smtpd_milters"})
		}
	}
	if filters := words(p.Main["non_smtpd_milters"]); m.place(&p.Cleanup, filters) < 0 {
		list = append(list, m.unasked(Finding{ID: "milter-local", Level: Warn, Found: "what programs hand to Postfix's sendmail command is not asked about",
			Why: "it leaves without a record"}, &p.Cleanup, "non_smtpd_milters", filters))
	}
	return list
}

// back looks at the listener where mail comes back.
func (m *Milter) back() []Finding {
	const id = "milter-mail-server"
	if m.MailServer == "" {
		return []Finding{{ID: id, Level: Warn, Found: "milter.mail_server is not set",
			Why:  "mail that other nodes bring for people of the mail server is refused, and reports to them are lost",
			Next: "have Postfix listen at 127.0.0.1:10025 as doc/milter.md says, and set milter.mail_server to that"}}
	}
	at := slices.IndexFunc(m.Postfix.Services, func(s Service) bool { return s.Name == m.MailServer })
	if at < 0 {
		return []Finding{{ID: id, About: m.MailServer, Level: Warn, Found: "no listener of that name is in master.cf",
			Why: "whether mail that comes back there stays as it is cannot be told", Next: "name milter.mail_server as master.cf has it, with its address and port"}}
	}
	s := &m.Postfix.Services[at]
	if m.place(s, words(m.Postfix.of(s, "smtpd_milters"))) >= 0 && !slices.Contains(words(m.Postfix.of(s, "receive_override_options")), "no_milters") {
		return []Finding{{ID: id, About: m.MailServer, Level: Warn, Found: "mail that comes back is asked about again",
			Why: "it is judged a second time, as if it came from this machine", Next: "let its line in master.cf end with -o smtpd_milters="}}
	}
	return nil
}

// changes names settings that change mail after it was recorded.
func (m *Milter) changes() (list []Finding) {
	p, unchecked := m.Postfix, false
	back := Service{}
	if at := slices.IndexFunc(p.Services, func(s Service) bool { return s.Name == m.MailServer }); at >= 0 {
		back = p.Services[at]
		unchecked = slices.Contains(words(p.of(&back, "receive_override_options")), "no_header_body_checks")
	}
	all := slices.Concat(rewritesOut, rewritesIn)
	if !unchecked {
		all = append(all, checksIn...)
	}
	for _, name := range all {
		if value := p.of(&back, name); value != "" {
			list = append(list, Finding{ID: "milter-changes", About: name, Level: Warn, Found: "it is set: " + value,
				Why: "what it changes in mail that leaves is changed after that was recorded, and its readers are told so", Next: changesNext(name)})
		}
	}
	for _, name := range words(strings.ToLower(p.Main["message_drop_headers"])) {
		if !slices.Contains([]string{"bcc", "content-length", "resent-bcc", "return-path"}, name) {
			list = append(list, Finding{ID: "milter-changes", About: "message_drop_headers", Level: Warn, Found: "it drops " + name,
				Why: "mail that leaves lacks a field that it was recorded with", Next: "postconf -X message_drop_headers"})
		}
	}
	return list
}

// changesNext says how to keep a setting from mail that was recorded.
func changesNext(name string) string {
	switch {
	case slices.Contains(checksIn, name):
		return "let the line of milter.mail_server in master.cf end with -o receive_override_options=no_milters,no_header_body_checks"
	case slices.Contains(rewritesOut, name):
		return "see that it changes no mail that leaves, or have mail leave from this node: outbound.via = \"direct\""
	}
	return "let the line of milter.mail_server in master.cf end with -o " + name + "="
}
