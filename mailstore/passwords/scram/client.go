package scram

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxIterations bounds how often a server may have a client make a hash anew: some tenths of a
// second.
const maxIterations = 1 << 20

// ErrServer: the server has not proved that it knows the secret.
var ErrServer = errors.New("scram: the server does not know the secret")

// Client is the client's side of one exchange of SCRAM-SHA-256, without channel binding.
type Client struct {
	secret string
	first  string // client-first-message-bare
	nonce  string
	proof  []byte // that the server has to send
}

// NewClient begins an exchange, with a nonce of its own of printable ASCII without commas. The
// secret is taken as it is: no SASLprep, so it should be ASCII.
func NewClient(login, secret, nonce string) *Client {
	name := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(login)
	return &Client{secret: secret, nonce: nonce, first: "n=" + name + ",r=" + nonce}
}

// First is the first message.
func (c *Client) First() []byte { return []byte("n,," + c.first) }

// Final answers the server's first message (RFC 5802, section 7). ErrMalformed: it is none, or
// asks for fewer iterations than are safe or for more than a client can be had to make.
func (c *Client) Final(challenge []byte) ([]byte, error) {
	attributes := strings.Split(string(challenge), ",")
	if len(challenge) > maxMessage || len(attributes) < 3 {
		return nil, ErrMalformed
	}
	both, nonceOK := strings.CutPrefix(attributes[0], "r=")
	salt64, saltOK := strings.CutPrefix(attributes[1], "s=")
	times, timesOK := strings.CutPrefix(attributes[2], "i=")
	salt, err := base64.StdEncoding.Strict().DecodeString(salt64)
	if !nonceOK || !saltOK || !timesOK || err != nil || len(salt) == 0 {
		return nil, ErrMalformed
	}
	if !strings.HasPrefix(both, c.nonce) || len(both) == len(c.nonce) || !printable(both) {
		return nil, ErrMalformed
	}
	n, err := strconv.ParseUint(times, 10, 32)
	if err != nil || n < Iterations || n > maxIterations {
		return nil, fmt.Errorf("%w: %.12q iterations", ErrMalformed, times)
	}
	salted, err := pbkdf2.Key(sha256.New, c.secret, salt, int(n), sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("scram: derive keys: %w", err)
	}
	bare := "c=biws,r=" + both // "n,,"
	auth := c.first + "," + string(challenge) + "," + bare
	key := sum(salted, "Client Key")
	stored := sha256.Sum256(key)
	subtle.XORBytes(key, key, sum(stored[:], auth))
	c.proof = sum(sum(salted, "Server Key"), auth)
	return []byte(bare + ",p=" + base64.StdEncoding.EncodeToString(key)), nil
}

// Verify reads the server's last message. Without an error the server knows the secret.
func (c *Client) Verify(final []byte) error {
	value, ok := strings.CutPrefix(string(final), "v=")
	value, _, _ = strings.Cut(value, ",")
	proof, err := base64.StdEncoding.Strict().DecodeString(value)
	if len(final) > maxMessage || !ok || err != nil || c.proof == nil || subtle.ConstantTimeCompare(proof, c.proof) != 1 {
		return ErrServer
	}
	return nil
}
