package node

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
)

// MilterConfig is for a mail server of the organisation beside this node, as Postfix or Sendmail,
// that has the mailboxes and asks about each mail.
type MilterConfig struct {
	// Listen is where it asks: "inet:127.0.0.1:8892" or "unix:/path"; "" for nowhere.
	Listen string `koanf:"listen"`

	// Networks are whose mail counts as the organisation's own at that server, besides who has
	// signed in there.
	Networks []string `koanf:"networks"`

	// Spam says what becomes of spam there: "tag" or "hold".
	Spam string `koanf:"spam"`

	// MailServer is host:port where that server takes mail for people who have no account at this
	// node, without asking about it again; "" for none.
	MailServer string `koanf:"mail_server"`
}

// Values of MilterConfig.Spam.
const (
	milterTag  = "tag"
	milterHold = "hold"
)

// endpoint takes MilterConfig.Listen apart, into what net.Listen wants.
func (c *MilterConfig) endpoint() (network, address string, err error) {
	network, address, _ = strings.Cut(c.Listen, ":")
	switch network {
	case "unix":
		if !filepath.IsAbs(address) || len(address) > 100 {
			return "", "", fmt.Errorf("%q is no absolute path of at most 100 octets", address)
		}
		return network, address, nil
	case "inet":
	default:
		return "", "", fmt.Errorf("%q begins neither with inet: nor with unix: as it has to", c.Listen)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", "", fmt.Errorf("%q is not host:port", address)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", fmt.Errorf("%q is not a port number", port)
	}
	if a, err := netip.ParseAddr(host); err != nil || !a.IsLoopback() {
		return "", "", fmt.Errorf("%q is no address of this machine alone: whoever reaches it may send mail as anybody here", host)
	}
	return "tcp", address, nil
}

func (c *Config) checkMilter() error {
	m := &c.Milter
	if m.Listen != "" {
		if _, _, err := m.endpoint(); err != nil {
			return badValue("milter.listen", `write "inet:127.0.0.1:8892", "unix:/var/spool/postfix/cairn/milter", or "" for none`, "%v", err)
		}
	}
	if _, err := prefixes(m.Networks); err != nil {
		return badValue("milter.networks", `name networks or addresses, as in ["127.0.0.0/8", "192.0.2.0/24"]`, "%v", err)
	}
	if m.Spam != milterTag && m.Spam != milterHold {
		return badValue("milter.spam", `write "tag" or "hold"`, "%q is neither", m.Spam)
	}
	if host, port, err := net.SplitHostPort(m.MailServer); m.MailServer != "" && (err != nil || host == "" || port == "" || port == "0" || checkListen(m.MailServer) != nil) {
		return badValue("milter.mail_server", `write host:port of the mail server, as in "127.0.0.1:10025", or ""`, "%q is not host:port", m.MailServer)
	}
	return nil
}
