// Package scram is SCRAM-SHA-256 (RFC 5802, RFC 7677): the server's side, with channel binding too,
// and the client's.
// It does no I/O and keeps no secret: an exchange is given what a name may sign in with, which may
// be several secrets with one salt.
package scram

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Names of the mechanisms (RFC 7677, section 4).
const (
	Mechanism     = "SCRAM-SHA-256"
	MechanismPlus = "SCRAM-SHA-256-PLUS"
)

// Iterations is how often a hash is made anew for the keys of a secret (RFC 7677, section 4). More
// would protect secrets that people choose: these here are random.
const Iterations = 4096

// maxMessage bounds a message of the client, in octets.
const maxMessage = 4096

// Errors of an exchange.
var (
	// ErrMalformed: what the client sent is no message of SCRAM, or one that it may not send.
	ErrMalformed = errors.New("scram: malformed message")
	// ErrBinding: the client sees another TLS connection than the server does, or was kept from
	// seeing that the server binds to it: somebody is between them.
	ErrBinding = errors.New("scram: the channel is bound to another one")
	// ErrWrong: the client has none of the secrets.
	ErrWrong = errors.New("scram: wrong secret")
)

// Keys are what a server keeps of a secret (RFC 5802, section 3): none that it could sign in with.
type Keys struct {
	Stored [sha256.Size]byte `json:"stored"`
	Server [sha256.Size]byte `json:"server"`
}

// Derive makes the keys of a secret, which is taken as it is: no SASLprep, so it has to be ASCII.
func Derive(secret string, salt []byte) (Keys, error) {
	salted, err := pbkdf2.Key(sha256.New, secret, salt, Iterations, sha256.Size)
	if err != nil {
		return Keys{}, fmt.Errorf("scram: derive keys: %w", err)
	}
	return Keys{
		Stored: sha256.Sum256(sum(salted, "Client Key")),
		Server: [sha256.Size]byte(sum(salted, "Server Key")),
	}, nil
}

func sum(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// Binding tells what a kind of channel binding (RFC 5929, RFC 9266) is of the connection, as in
// "tls-exporter"; false: there is none of that kind.
type Binding func(kind string) (data []byte, ok bool)

// Exchange is one in which the client has sent its first message.
type Exchange struct {
	login  string
	header string // of GS2, as the client has to repeat it
	bound  []byte // of the channel
	first  string // client-first-message-bare
	nonce  string // the client's
	both   string // nonces
	server string // server-first-message
}

// Begin reads the first message of a client (RFC 5802, section 7). plus says which of the two
// mechanisms was chosen, and offered whether the one with channel binding could have been.
func Begin(message []byte, plus, offered bool, binding Binding) (*Exchange, error) {
	if len(message) > maxMessage {
		return nil, ErrMalformed
	}
	parts := strings.SplitN(string(message), ",", 3)
	if len(parts) < 3 {
		return nil, ErrMalformed
	}
	e := &Exchange{header: parts[0] + "," + parts[1] + ",", first: parts[2]}
	if err := e.bind(parts[0], plus, offered, binding); err != nil {
		return nil, err
	}
	attributes := strings.Split(e.first, ",")
	if len(attributes) < 2 || !strings.HasPrefix(attributes[0], "n=") || !strings.HasPrefix(attributes[1], "r=") {
		return nil, ErrMalformed // "m=" too: an extension that must be understood
	}
	login, ok := unescape(attributes[0][2:])
	acts, asOK := unescape(strings.TrimPrefix(parts[1], "a="))
	e.login, e.nonce = login, attributes[1][2:]
	switch {
	case !ok || !asOK || login == "" || !printable(e.nonce):
		return nil, ErrMalformed
	case parts[1] != "" && (!strings.HasPrefix(parts[1], "a=") || acts != login):
		return nil, ErrMalformed // nobody acts for another
	}
	return e, nil
}

// bind reads the flag of channel binding (RFC 5802, section 6).
func (e *Exchange) bind(flag string, plus, offered bool, binding Binding) error {
	kind, bound := strings.CutPrefix(flag, "p=")
	switch {
	case bound != plus || !bound && flag != "n" && flag != "y":
		return ErrMalformed
	case flag == "y" && offered: // the client could, and did not learn that the server can
		return ErrBinding
	case bound:
		data, ok := binding(kind)
		if !ok {
			return ErrBinding
		}
		e.bound = data
	}
	return nil
}

// Login is who signs in, as the client wrote it.
func (e *Exchange) Login() string { return e.login }

// Challenge is the first message of the server, with a nonce of its own, of printable ASCII without
// commas.
func (e *Exchange) Challenge(nonce string, salt []byte) []byte {
	e.both = e.nonce + nonce
	e.server = fmt.Sprintf("r=%s,s=%s,i=%d", e.both, base64.StdEncoding.EncodeToString(salt), Iterations)
	return []byte(e.server)
}

// Finish reads the client's last message. It returns which of the secrets the client has, and the
// last message of the server, which proves that it knows it too.
func (e *Exchange) Finish(message []byte, secrets []Keys) (which int, final []byte, err error) {
	bare, proof, ok := cutProof(string(message))
	attributes := strings.Split(bare, ",")
	if len(message) > maxMessage || !ok || len(attributes) < 2 || !strings.HasPrefix(attributes[0], "c=") || attributes[1] != "r="+e.both {
		return 0, nil, ErrMalformed
	}
	channel, err := base64.StdEncoding.Strict().DecodeString(attributes[0][2:])
	if err != nil {
		return 0, nil, ErrMalformed
	}
	if subtle.ConstantTimeCompare(channel, append([]byte(e.header), e.bound...)) != 1 {
		return 0, nil, ErrBinding
	}
	auth := e.first + "," + e.server + "," + bare
	which = -1
	for i := range secrets {
		if proves(proof, &secrets[i], auth) {
			which = i
		}
	}
	if which < 0 {
		return 0, nil, ErrWrong
	}
	return which, []byte("v=" + base64.StdEncoding.EncodeToString(sum(secrets[which].Server[:], auth))), nil
}

// cutProof parts a client-final-message from its proof, which stands last.
func cutProof(message string) (bare string, proof []byte, ok bool) {
	at := strings.LastIndex(message, ",p=")
	if at < 0 {
		return "", nil, false
	}
	proof, err := base64.StdEncoding.Strict().DecodeString(message[at+3:])
	return message[:at], proof, err == nil && len(proof) == sha256.Size
}

// proves reports whether a proof is one of who has the secret (RFC 5802, section 3).
func proves(proof []byte, k *Keys, auth string) bool {
	client := make([]byte, sha256.Size)
	subtle.XORBytes(client, proof, sum(k.Stored[:], auth))
	stored := sha256.Sum256(client)
	return subtle.ConstantTimeCompare(stored[:], k.Stored[:]) == 1
}

// unescape reads a saslname (RFC 5802, section 7), in which "=2C" and "=3D" stand for "," and "=".
func unescape(s string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == 0:
			return "", false
		case s[i] != '=':
			b.WriteByte(s[i])
			continue
		case strings.HasPrefix(s[i:], "=2C"):
			b.WriteByte(',')
		case strings.HasPrefix(s[i:], "=3D"):
			b.WriteByte('=')
		default:
			return "", false
		}
		i += 2
	}
	return b.String(), true
}

func printable(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == ',' })
}
