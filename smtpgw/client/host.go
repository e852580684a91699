package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"

	"cairn/mailstore/message/maildomain"
	"cairn/mailstore/passwords/scram"
	"cairn/smtpgw/maillog"
	"cairn/smtpgw/reply"
)

// Host is a mail server that is no node: one that the DNS names for a domain, or a smarthost.
type Host struct {
	Name string // that its certificate is for
	Helo string // what it is greeted with; empty: the name of this node
	Dial func(context.Context) (net.Conn, error)
	// DialIPv4 is Dial by addresses of IPv4 alone; nil: the host has none, or it is not known.
	DialIPv4 func(context.Context) (net.Conn, error)
	TLS      TLSUse
	// Login is what this node says who it is; nil: it says nothing.
	Login *Login
	Roots *x509.CertPool // of certificates that are asked for; nil: those of the machine
	// Verify, where there is one, judges what the host shows in place of such certificates: by keys
	// that its domain publishes (RFC 7672). ServerName is whom it is asked to show; empty: Name.
	Verify     func(*tls.ConnectionState) error
	ServerName string
	// Unproved says that TLS is required of the host, and that who answers may be anybody: Verify
	// takes all.
	Unproved bool
	// AnyTLS says that mail goes there too where it cannot show that, or has no TLS, once no host
	// was found that can (RFC 8689, section 4.2.2).
	AnyTLS bool
	// Told, where there is one, hears what came of TLS in each session that it was to have.
	Told func(TLSOutcome)

	requires bool // a session is of use only where REQUIRETLS is offered
}

// TLSOutcome is what came of TLS in one session with a host.
type TLSOutcome struct {
	Local, Remote net.Addr
	State         *tls.ConnectionState // nil: the session is not encrypted
	Err           error                // why that failed; nil beside no State: TLS is not offered
}

// TLSUse is what is done with TLS on the way to a host.
type TLSUse uint8

const (
	// TLSIfOffered encrypts after STARTTLS (RFC 3207) where that is offered, whatever certificate
	// comes, and goes on in clear where it fails (RFC 7435): nobody has said that it works.
	TLSIfOffered TLSUse = iota
	// TLSRequired is STARTTLS with a certificate for the host's name.
	TLSRequired
	// TLSFromStart is TLS before the banner (RFC 8314, section 3.3), with such a certificate.
	TLSFromStart
)

// Login is a user's name and password at a smarthost (RFC 4954).
type Login struct {
	User, Password string
	// Mechanism is one of Mechanisms; empty: the first of these that is offered.
	Mechanism string
}

// Mechanisms are those that a Login may use (RFC 7677, RFC 4616), the best one first.
var Mechanisms = []string{scram.Mechanism, "PLAIN", "LOGIN"}

// connectHosts opens a session with the first host that there is one with.
func connectHosts(ctx context.Context, waits *Waits, hostname string, hosts []Host) (*Session, error) {
	var errs []error
	for i := range hosts {
		o, err := hosts[i].connect(ctx, waits, cmp.Or(hosts[i].Helo, hostname))
		if err == nil {
			o.Name = hosts[i].Name
			return o, nil
		}
		why := unreached(err)
		if known, ok := errors.AsType[Reason](err); ok {
			why = ": " + known
		}
		errs = append(errs, fmt.Errorf("%w (%w)", Reason(hosts[i].Name)+why, err))
		if ctx.Err() != nil {
			break
		}
	}
	for i, err := range errs {
		if h := &hosts[i]; h.AnyTLS && (errors.Is(err, errTLS) || errors.Is(err, errNoTLS)) && ctx.Err() == nil {
			o, err := h.withoutPolicy().connect(ctx, waits, cmp.Or(h.Helo, hostname))
			if err == nil {
				o.Name = h.Name
				return o, nil
			}
		}
	}
	if !slices.ContainsFunc(errs, func(err error) bool { return !errors.Is(err, errWithoutRequireTLS) }) {
		return nil, fmt.Errorf("%w: %w", ErrNoRequireTLS, joined(errs))
	}
	return nil, joined(errs)
}

// unreached is what is told of a host that there was no session with: of the machine's own words
// the kind alone, since senders read it too.
func unreached(err error) Reason {
	var timed net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return " refuses the connection"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return " cannot be reached: the network has no way there"
	case errors.As(err, &timed) && timed.Timeout():
		return " does not answer in time"
	}
	return " cannot be reached, or broke off"
}

// errTLS is that a session could not be encrypted; errNoTLS that this is required, and not offered.
var errTLS, errNoTLS = errors.New("TLS"), errors.New("no TLS")

// connect opens a session within the time that a connection and one reply may take.
func (h *Host) connect(ctx context.Context, waits *Waits, hostname string) (*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, waits.Dial+waits.Reply)
	defer cancel()
	o, err := h.openSomehow(ctx, waits, hostname)
	var away *turnedAway
	if errors.As(err, &away) && away.ip6 && h.DialIPv4 != nil && nameless(away.reply) {
		return h.overIPv4().openSomehow(ctx, waits, hostname)
	}
	if err == nil && h.DialIPv4 != nil && overIPv6(o.conn) {
		o.byIPv4 = func(ctx context.Context) (*Session, error) { return h.overIPv4().connect(ctx, waits, hostname) }
	}
	return o, err
}

// overIPv4 is the host by its addresses of IPv4.
func (h *Host) overIPv4() *Host {
	other := *h
	other.Dial, other.DialIPv4 = h.DialIPv4, nil
	return &other
}

// openSomehow opens a session, in clear where TLS fails and is not required.
func (h *Host) openSomehow(ctx context.Context, waits *Waits, hostname string) (*Session, error) {
	o, err := h.open(ctx, waits, hostname, true)
	if h.TLS == TLSIfOffered && errors.Is(err, errTLS) {
		o, err = h.open(ctx, waits, hostname, false)
	}
	return o, err
}

// open opens a session. Encrypted is whether it may be.
func (h *Host) open(ctx context.Context, waits *Waits, hostname string, encrypted bool) (*Session, error) {
	dial, cancel := context.WithTimeout(ctx, waits.Dial)
	defer cancel()
	conn, err := h.Dial(dial)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, errUnreached)
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })() // what is read and written here has deadlines of its own
	config := h.config()
	if h.TLS == TLSFromStart {
		over := tls.Client(conn, config)
		if err := over.HandshakeContext(dial); err != nil {
			conn.Close()
			return nil, tlsFailed(err)
		}
		conn = over
	}
	o, err := greet(conn, hostname, waits.Reply)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, errUnreached)
	}
	o.Foreign, o.last = true, waits.LastWords
	_, offered := o.ext["STARTTLS"]
	switch {
	case h.TLS == TLSRequired && !offered:
		err = fmt.Errorf("%w: %w", Reason("it offers no STARTTLS, which is required"), errNoTLS)
	case h.TLS == TLSRequired, h.TLS == TLSIfOffered && offered && encrypted:
		err = o.startTLS(ctx, config, hostname)
	}
	if encrypted {
		h.tell(ctx, conn, o, err)
	}
	if _, over := o.conn.(*tls.Conn); !over {
		delete(o.ext, requireTLS) // in clear it counts for nothing
	}
	if err == nil && h.Login != nil {
		o.Known = true
		err = o.login(h.Login)
	}
	if err == nil && h.requires && !o.Offers(requireTLS) {
		o.Quit()
		return nil, fmt.Errorf("%w: %w", Reason("it does not offer REQUIRETLS"), errWithoutRequireTLS)
	}
	if err != nil {
		o.conn.Close()
		return nil, err
	}
	return o, nil
}

// tell tells what came of TLS in a session, which err says if there is none. Of one that this node
// has broken off nothing is known.
func (h *Host) tell(ctx context.Context, conn net.Conn, o *Session, err error) {
	if h.Told == nil || errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	out := TLSOutcome{Local: conn.LocalAddr(), Remote: conn.RemoteAddr()}
	if over, is := o.conn.(*tls.Conn); is && err == nil {
		state := over.ConnectionState()
		out.State = &state
	} else if errors.Is(err, errTLS) {
		out.Err = err
	}
	h.Told(out)
}

// config is what TLS with the host goes by.
func (h *Host) config() *tls.Config {
	c := &tls.Config{
		ServerName: cmp.Or(h.ServerName, h.Name), RootCAs: h.Roots, MinVersion: tls.VersionTLS12,
		InsecureSkipVerify: h.TLS == TLSIfOffered || h.Verify != nil,
	}
	if h.Verify != nil {
		c.VerifyConnection = func(state tls.ConnectionState) error { return h.Verify(&state) }
	}
	return c
}

func tlsFailed(err error) error {
	why := Reason("TLS failed")
	if invalid, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		why = Reason("its certificate is not accepted: " + maillog.Clipped(invalid.Err.Error()))
	} else if said, ok := errors.AsType[Reason](err); ok {
		why = Reason("its certificate is not accepted: " + maillog.Clipped(string(said)))
	}
	return fmt.Errorf("%w: %w: %w", why, errTLS, err)
}

// startTLS encrypts the session and begins it anew. What came in clear behind the reply to STARTTLS
// is somebody else's, and ends it (CVE-2011-0411 has it the other way round).
func (o *Session) startTLS(ctx context.Context, config *tls.Config, hostname string) error {
	fmt.Fprint(o.w, "STARTTLS\r\n")
	r, err := o.read()
	switch {
	case err != nil:
		return fmt.Errorf("%w: wait for the reply to STARTTLS: %w", errTLS, err)
	case r.Code != 220:
		return fmt.Errorf("%w: %w", Reason("STARTTLS refused: "+r.String()), errTLS)
	case o.text.Buffered() > 0:
		return fmt.Errorf("%w: %w", Reason("something came in clear after the reply to STARTTLS"), errTLS)
	}
	ctx, cancel := context.WithTimeout(ctx, o.wait)
	defer cancel()
	over := tls.Client(o.conn, config)
	if err := over.HandshakeContext(ctx); err != nil {
		return tlsFailed(err)
	}
	o.attach(over)
	if err := o.hello(hostname); err != nil { // as who wants another certificate says after the handshake
		return fmt.Errorf("%w: %w", errTLS, err)
	}
	return nil
}

// login says who this node is. Never in clear.
func (o *Session) login(l *Login) error {
	if _, encrypted := o.conn.(*tls.Conn); !encrypted {
		return Reason("the password is not sent in clear: STARTTLS is required")
	}
	mechanism, err := l.choose(strings.Fields(strings.ToUpper(o.ext["AUTH"])))
	if err != nil {
		return err
	}
	switch mechanism {
	case scram.Mechanism:
		return o.loginScram(l)
	case "PLAIN":
		_, err := o.authenticate(l, 235, "AUTH PLAIN "+inBase64("\x00"+l.User+"\x00"+l.Password))
		return err
	}
	for i, step := range []string{"AUTH LOGIN", inBase64(l.User), inBase64(l.Password)} {
		want := 334
		if i == 2 {
			want = 235
		}
		if _, err := o.authenticate(l, want, step); err != nil {
			return err
		}
	}
	return nil
}

func inBase64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// choose picks a mechanism of those that a server offers. SCRAM is for passwords of ASCII alone,
// which all programs hash alike.
func (l *Login) choose(offered []string) (string, error) {
	for _, m := range Mechanisms {
		wanted := l.Mechanism == m || l.Mechanism == "" && (m != scram.Mechanism || maildomain.IsASCII(l.User+l.Password))
		if wanted && slices.Contains(offered, m) {
			return m, nil
		}
	}
	if l.Mechanism != "" {
		return "", Reason("it does not offer AUTH " + l.Mechanism)
	}
	return "", Reason("it offers neither AUTH PLAIN nor AUTH LOGIN")
}

// loginScram signs in by SCRAM-SHA-256: the server has to prove that it knows the password too.
func (o *Session) loginScram(l *Login) error {
	c := scram.NewClient(l.User, l.Password, rand.Text())
	text, err := o.authenticate(l, 334, "AUTH "+scram.Mechanism+" "+inBase64(string(c.First())))
	if err != nil {
		return err
	}
	final, err := c.Final(ofBase64(text))
	if err != nil {
		return fmt.Errorf("%w: %w", Reason("what it answered to AUTH SCRAM-SHA-256 is not safe to go on with"), err)
	}
	text, err = o.authenticate(l, 334, inBase64(string(final))) // success alone proves nothing
	if err != nil {
		return err
	}
	if err := c.Verify(ofBase64(text)); err != nil {
		return fmt.Errorf("%w: %w", Reason("it did not prove that it knows the password"), err)
	}
	_, err = o.authenticate(l, 235, "")
	return err
}

// ofBase64 decodes what a server sent; nil for what is no base64.
func ofBase64(text string) []byte {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil
	}
	return b
}

// authenticate sends a line of an authentication and returns the text of the reply, which has to
// have a code.
func (o *Session) authenticate(l *Login, want int, line string) (string, error) {
	fmt.Fprintf(o.w, "%s\r\n", line)
	r, err := o.read()
	if err != nil {
		return "", fmt.Errorf("wait for the reply to AUTH: %w", err)
	}
	if r.Code != want {
		return "", Reason("user or password refused: " + l.veiled(r).String())
	}
	return r.Text, nil
}

// veiled is a reply that the log, the queue and senders may see: some servers repeat what they do
// not take.
func (l *Login) veiled(r reply.Reply) reply.Reply {
	for _, secret := range []string{l.Password, inBase64(l.Password), inBase64("\x00" + l.User + "\x00" + l.Password)} {
		if strings.Contains(r.Text, secret) {
			return reply.Reply{Code: r.Code, Text: "(what it says shows the password)"}
		}
	}
	return r
}

// Try opens a session with a host as for mail, TLS and sign-in included, and ends it. The error is
// for an administrator.
func (h *Host) Try(ctx context.Context, waits *Waits, hostname string) error {
	o, err := h.connect(ctx, waits, cmp.Or(h.Helo, hostname))
	if err == nil {
		o.Quit()
	}
	return err
}
