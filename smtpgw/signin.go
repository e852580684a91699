package smtpgw

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"cairn/mailstore"
	"cairn/mailstore/passwords"
	"cairn/mailstore/passwords/scram"
	"cairn/smtpgw/readahead"
)

const (
	// maxAuthLine bounds a line of an exchange after AUTH (RFC 4954, section 4).
	maxAuthLine = 12288
	// handshakeTime is how long TLS may take to begin.
	handshakeTime = 30 * time.Second
	// authTime is how long a password may take to be checked, with all that others have to have
	// checked before.
	authTime = time.Minute
	// maxAuthFailures ends a session: whoever has forgotten a password asks again in a new one.
	maxAuthFailures = 3
)

// secrecy is what a wire knows of who is at its other end, and of who may listen on the way.
type secrecy struct {
	config *tls.Config          // of STARTTLS; nil: it is not offered
	check  *passwords.Passwords // nil: AUTH is not offered
	scram  Scram                // what there is of it
	meter  Meter
	// begin counts in a password for a login, which end counts out; false: too many are checked.
	begin  func(login string) (end func(), ok bool, err error)
	ctx    context.Context              // of the server
	busy   func() bool                  // whether a transaction is open
	now    bool                         // TLS begins before anything else is said,
	next   bool                         // or behind the next reply
	on     bool                         // it is there
	user   *mailstore.Account           // who signed in; nil: nobody
	grant  passwords.Grant              // with what
	failed int                          // attempts to
	fault  func(what string, err error) // tells the log
}

// mayStart reports whether STARTTLS would be taken.
func (s *secrecy) mayStart() bool { return s.config != nil && !s.on }

// maySignIn reports whether AUTH would be taken, if it were given right.
func (s *secrecy) maySignIn() bool { return s.check != nil && s.on && s.user == nil }

// offers are what EHLO offers beside what go-smtp does.
func (s *secrecy) offers() (lines []string) {
	if s.mayStart() {
		lines = append(lines, "STARTTLS")
	}
	if s.maySignIn() {
		lines = append(lines, "AUTH "+strings.Join(s.mechanisms(), " "))
	}
	return lines
}

// mechanisms are those of AUTH. Programs that take the first one that they know get in with either
// kind of password.
func (s *secrecy) mechanisms() []string {
	all := []string{"PLAIN", "LOGIN", scram.Mechanism, scram.MechanismPlus}
	switch s.scram {
	case NoScram:
		return all[:2]
	case NoScramPlus:
		return all[:3]
	}
	return all
}

// acceptStartTLS answers STARTTLS (RFC 3207). What go-smtp sees of it is an RSET: the session
// begins anew behind it.
func (w *wire) acceptStartTLS(arg string) {
	switch {
	case w.secrecy.on:
		w.answer("503 5.5.1 the session is encrypted already")
	case w.secrecy.config == nil:
		w.answer("502 5.5.1 STARTTLS is not offered here")
	case arg != "":
		w.answer("501 5.5.4 nothing may stand behind STARTTLS (RFC 3207, section 4)")
	case w.r.Buffered() > 0: // somebody may have put it there who cannot see what follows
		w.dismiss("503 5.5.1 nothing may follow STARTTLS before its reply (RFC 3207, section 4); closing")
	default:
		w.out, w.instead = []byte("RSET\r\n"), "220 2.0.0 begin TLS"
		w.secrecy.next = true
	}
}

// beginTLS is startTLS behind what has to be said in clear.
func (w *wire) beginTLS() {
	if w.secrecy.next {
		w.flush()
	}
	w.secrecy.now, w.secrecy.next = false, false
	if !w.gone {
		w.startTLS()
	}
}

// startTLS begins TLS, and a session that knows nothing of what was said before.
func (w *wire) startTLS() {
	ctx, cancel := context.WithTimeout(w.secrecy.ctx, handshakeTime)
	defer cancel()
	over := tls.Server(w.Conn, w.secrecy.config)
	by := time.Now().Add(handshakeTime)
	if !w.at.wait(toSpeak, time.Time{}, func() { w.Conn.SetDeadline(by) }) {
		w.gone = true
		return
	}
	err := over.HandshakeContext(ctx)
	if w.at.works() || err != nil {
		w.gone = true
		if err != nil {
			w.secrecy.fault("TLS did not begin", err)
		}
		return
	}
	w.stream = over
	w.r = readahead.New(fill{w})
	w.secrecy.on, w.greeted, w.esmtp = true, false, false
}

// acceptAuth serves AUTH (RFC 4954), all of the exchange.
func (w *wire) acceptAuth(arg string) {
	mechanism, initial, given := strings.Cut(arg, " ")
	mechanism = strings.ToUpper(mechanism)
	switch {
	case w.secrecy.check == nil:
		w.answer("502 5.5.1 AUTH is not offered here")
	case !w.secrecy.on:
		w.answer("538 5.7.11 a password is not taken in clear; send STARTTLS first (RFC 4954, section 4)")
	case !w.esmtp:
		w.answer("503 5.5.1 send EHLO first (RFC 4954, section 3)")
	case w.secrecy.user != nil:
		w.answer("503 5.5.1 you have signed in already (RFC 4954, section 4)")
	case w.secrecy.busy():
		w.answer("503 5.5.1 a transaction is open; send RSET first (RFC 4954, section 4)")
	case !slices.Contains(w.secrecy.mechanisms(), mechanism):
		w.answer("504 5.5.4 this mechanism is not known here; there are " + strings.Join(w.secrecy.mechanisms(), ", "))
	case mechanism == "PLAIN":
		if b, ok := w.answered(initial, given, ""); ok {
			w.plain(b)
		}
	case mechanism == "LOGIN":
		if login, ok := w.answered(initial, given, "VXNlcm5hbWU6"); ok {
			if password, ok := w.answered("", false, "UGFzc3dvcmQ6"); ok {
				w.signIn(string(login), string(password))
			}
		}
	default:
		if b, ok := w.answered(initial, given, ""); ok {
			w.prove(b, mechanism == scram.MechanismPlus)
		}
	}
}

// plain takes the message of PLAIN (RFC 4616, section 2).
func (w *wire) plain(b []byte) {
	parts := strings.Split(string(b), "\x00")
	switch {
	case len(parts) != 3:
		w.answer("501 5.5.2 what was sent is no message of PLAIN (RFC 4616, section 2)")
	case parts[0] != "" && parts[0] != parts[1]:
		w.answer("535 5.7.8 nobody may act for another here; leave the authorization identity empty")
	default:
		w.signIn(parts[1], parts[2])
	}
}

// answered is what the peer has given as its initial response, or answers to a challenge, in
// base64; false if it was told that it is none.
func (w *wire) answered(initial string, given bool, challenge string) (b []byte, ok bool) {
	text := initial
	if !given {
		w.answer("334 " + challenge)
		if text, ok = w.authLine(); !ok {
			return nil, false
		}
	} else if text == "=" { // an empty one (section 4)
		text = ""
	}
	if text == "*" && !given {
		w.answer("501 5.7.0 given up")
		return nil, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		w.answer("501 5.5.2 what was sent is no base64 (RFC 4954, section 4)")
		return nil, false
	}
	return b, true
}

// authLine reads a line of an exchange.
func (w *wire) authLine() (string, bool) {
	w.await(false)
	var all []byte
	for {
		line, err := w.r.ReadSlice('\n')
		if all = append(all, line...); len(all) > maxAuthLine {
			w.dismiss(fmt.Sprintf("500 5.5.6 line longer than %d octets; closing", maxAuthLine))
			return "", false
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		switch {
		case errors.Is(err, errYield):
			w.dismiss("421 4.3.2 " + yieldWords)
		case errors.Is(err, errDraining):
			w.dismiss("421 4.3.2 " + drainWords)
		case errors.Is(err, os.ErrDeadlineExceeded):
			w.dismiss(w.noCommand())
		case err != nil:
			w.gone = true
		case len(all) < 2 || all[len(all)-2] != '\r':
			w.dismiss(bareWords)
		default:
			return string(all[:len(all)-2]), true
		}
		return "", false
	}
}

// signIn checks a name and a password.
func (w *wire) signIn(login, password string) {
	ctx, cancel := context.WithTimeout(w.secrecy.ctx, authTime)
	defer cancel()
	end, ok, err := w.secrecy.begin(login)
	switch {
	case err != nil:
		w.signedIn(passwords.Grant{}, err, "")
		return
	case !ok:
		w.secrecy.meter.SignedIn(false)
		w.answer("454 4.7.0 too many passwords of yours are being checked; try again later")
		return
	}
	defer end()
	grant, err := w.secrecy.check.Check(ctx, login, password)
	w.signedIn(grant, err, "wrong name or password")
}

// signedIn answers who has shown a password, or has not, as wrong says.
func (w *wire) signedIn(grant passwords.Grant, err error, wrong string) {
	w.secrecy.meter.SignedIn(err == nil)
	switch {
	case errors.Is(err, passwords.ErrWrong):
		w.secrecy.failed++
		w.answer("535 5.7.8 " + wrong)
		if w.secrecy.failed >= maxAuthFailures {
			w.dismiss("421 4.7.0 too many wrong passwords; closing")
		}
	case err != nil:
		w.secrecy.fault("a password could not be checked", err)
		w.answer("454 4.7.0 the password cannot be checked at present; try again later")
	default:
		w.secrecy.grant, w.secrecy.user = grant, &grant.Account
		w.signed.Store(true)
		w.answer("235 2.7.0 signed in as " + grant.Account.Name)
	}
}
