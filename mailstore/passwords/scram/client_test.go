package scram

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	other "github.com/xdg-go/scram"
)

// TestClientVector is the exchange of RFC 7677, section 3, from the client's side.
func TestClientVector(t *testing.T) {
	c := NewClient("user", "pencil", "rOprNGfwEbeRWgbNEkqO")
	if got := string(c.First()); got != "n,,n=user,r=rOprNGfwEbeRWgbNEkqO" {
		t.Fatalf("%q", got)
	}
	const both = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	final, err := c.Final([]byte("r=" + both + ",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"))
	if want := "c=biws,r=" + both + ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="; err != nil || string(final) != want {
		t.Fatalf("%q, %v", final, err)
	}
	if err := c.Verify([]byte("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "v=", "e=invalid-proof", "v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="} {
		if err := c.Verify([]byte(bad)); !errors.Is(err, ErrServer) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := NewClient("user", "pencil", "x").Verify([]byte("v=")); !errors.Is(err, ErrServer) {
		t.Errorf("before a challenge: %v", err)
	}
}

// TestForeignServer signs in to a server that is not ours.
func TestForeignServer(t *testing.T) {
	salt := "0123456789abcdef"
	for _, tt := range []struct {
		login, secret string
		ok            bool
	}{{"me", "secret", true}, {"a=b,c", "se,cr=et", true}, {"me", "Secret", false}} {
		known, err := other.SHA256.NewClient(tt.login, strings.ToLower(tt.secret), "")
		if err != nil {
			t.Fatal(err)
		}
		stored, err := known.GetStoredCredentialsWithError(other.KeyFactors{Salt: salt, Iters: 15000})
		if err != nil {
			t.Fatal(err)
		}
		server, err := other.SHA256.NewServer(func(string) (other.StoredCredentials, error) { return stored, nil })
		if err != nil {
			t.Fatal(err)
		}
		talk := server.NewConversation()
		c := NewClient(tt.login, tt.secret, "abcdef")
		challenge, err := talk.Step(string(c.First()))
		if err != nil {
			t.Fatal(err)
		}
		final, err := c.Final([]byte(challenge))
		if err != nil {
			t.Fatal(err)
		}
		last, err := talk.Step(string(final))
		if err == nil {
			err = c.Verify([]byte(last))
		}
		if (err == nil) != tt.ok || talk.Valid() != tt.ok {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}

// TestChallenges: what a server may not ask for.
func TestChallenges(t *testing.T) {
	salt := base64.StdEncoding.EncodeToString([]byte("salt"))
	for name, challenge := range map[string]string{
		"nothing":         "",
		"another nonce":   "r=other,s=" + salt + ",i=4096",
		"our nonce alone": "r=abc,s=" + salt + ",i=4096",
		"no salt":         "r=abcd,s=,i=4096",
		"salt in no form": "r=abcd,s=!,i=4096",
		"few iterations":  "r=abcd,s=" + salt + ",i=1",
		"too many":        "r=abcd,s=" + salt + ",i=4000000000",
		"no number":       "r=abcd,s=" + salt + ",i=x",
		"an extension":    "m=x,r=abcd,s=" + salt + ",i=4096",
		"too long":        "r=abcd,s=" + salt + ",i=4096," + strings.Repeat("x", maxMessage),
	} {
		if _, err := NewClient("me", "secret", "abc").Final([]byte(challenge)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever a server sends, there is a message or an error, and nothing is proved without the
// secret.
func FuzzClient(f *testing.F) {
	f.Add([]byte("r=abcd,s=c2FsdA==,i=4096"), []byte("v=eA=="))
	f.Fuzz(func(t *testing.T, challenge, final []byte) {
		if i := bytes.Index(challenge, []byte("i=")); i >= 0 && !bytes.HasPrefix(challenge[i:], []byte("i=4096")) {
			return // time
		}
		c := NewClient("me", "secret", "abc")
		message, err := c.Final(challenge)
		if err == nil && !bytes.HasPrefix(message, []byte("c=biws,r=abc")) {
			t.Fatalf("%q", message)
		}
		if c.Verify(final) == nil {
			t.Fatalf("%q proves the secret", final)
		}
	})
}
