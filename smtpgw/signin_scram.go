package smtpgw

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"

	"cairn/mailstore/passwords"
	"cairn/mailstore/passwords/scram"
)

// Scram says which mechanisms of SCRAM there are. The zero value: both.
type Scram uint8

// Less of it than there is.
const (
	// NoScramPlus: none that binds to the TLS connection, as behind a proxy that ends it.
	NoScramPlus Scram = iota + 1
	NoScram
)

const (
	wrongProof   = "wrong name or password; SCRAM takes app passwords alone"
	wrongChannel = "this TLS connection is not the one that you are bound to: somebody is between us, or a proxy"
)

// prove serves an exchange of SCRAM (RFC 5802) from the first message of the client on.
func (w *wire) prove(first []byte, plus bool) {
	s := &w.secrecy
	e, err := scram.Begin(first, plus, s.scram == 0, w.channel)
	if err != nil {
		w.unproved(err)
		return
	}
	ctx, cancel := context.WithTimeout(s.ctx, authTime)
	proofs, err := s.check.Proofs(ctx, e.Login())
	cancel()
	if err != nil {
		w.signedIn(passwords.Grant{}, err, "")
		return
	}
	last, ok := w.answered("", false, base64.StdEncoding.EncodeToString(e.Challenge(rand.Text(), proofs.Salt)))
	if !ok {
		return
	}
	which, final, err := e.Finish(last, proofs.Keys)
	if err != nil {
		w.unproved(err)
		return
	}
	// Only an answer with a code of its own may end it (RFC 4954, section 4): the client says
	// nothing to what proves the server.
	if rest, ok := w.answered("", false, base64.StdEncoding.EncodeToString(final)); !ok {
		return
	} else if len(rest) > 0 {
		w.unproved(scram.ErrMalformed)
		return
	}
	ctx, cancel = context.WithTimeout(s.ctx, authTime)
	defer cancel()
	grant, err := s.check.Proved(ctx, proofs, which)
	w.signedIn(grant, err, wrongProof)
}

// unproved answers who has not got through an exchange.
func (w *wire) unproved(err error) {
	switch {
	case errors.Is(err, scram.ErrMalformed):
		w.answer("501 5.5.2 what was sent is no message of SCRAM (RFC 5802, section 7)")
	case errors.Is(err, scram.ErrBinding):
		w.signedIn(passwords.Grant{}, passwords.ErrWrong, wrongChannel)
	default:
		w.signedIn(passwords.Grant{}, passwords.ErrWrong, wrongProof)
	}
}

// channel is what binds to the TLS connection.
func (w *wire) channel(kind string) (data []byte, ok bool) {
	over, ok := w.stream.(*tls.Conn)
	if !ok {
		return nil, false
	}
	state := over.ConnectionState()
	var err error
	switch kind {
	case "tls-exporter": // RFC 9266
		if state.Version >= tls.VersionTLS13 {
			data, err = state.ExportKeyingMaterial("EXPORTER-Channel-Binding", nil, 32)
		}
	case "tls-unique": // RFC 5929, section 3
		data = state.TLSUnique
	case "tls-server-end-point":
		data = serverEndPoint(w.secrecy.config)
	}
	return data, err == nil && len(data) > 0
}

// serverEndPoint is the hash of the certificate that is shown (RFC 5929, section 4).
func serverEndPoint(config *tls.Config) []byte {
	var shown *tls.Certificate
	switch {
	case config.GetCertificate != nil:
		shown, _ = config.GetCertificate(new(tls.ClientHelloInfo))
	case len(config.Certificates) > 0:
		shown = &config.Certificates[0]
	}
	if shown == nil || len(shown.Certificate) == 0 {
		return nil
	}
	leaf, err := x509.ParseCertificate(shown.Certificate[0])
	if err != nil {
		return nil
	}
	with := crypto.SHA256
	switch leaf.SignatureAlgorithm {
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		with = crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		with = crypto.SHA512
	case x509.PureEd25519: // the RFC knows no hash for it
		return nil
	}
	h := with.New()
	h.Write(leaf.Raw)
	return h.Sum(nil)
}
