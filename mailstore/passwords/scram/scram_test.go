package scram

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	other "github.com/xdg-go/scram"
)

func keys(t testing.TB, secret string, salt []byte) Keys {
	t.Helper()
	k, err := Derive(secret, salt)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func noBinding(string) ([]byte, bool) { return nil, false }

// TestVector is the exchange of RFC 7677, section 3.
func TestVector(t *testing.T) {
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	e, err := Begin([]byte("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"), false, false, noBinding)
	if err != nil || e.Login() != "user" {
		t.Fatalf("%q, %v", e.Login(), err)
	}
	got := e.Challenge("%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", salt)
	if want := "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"; string(got) != want {
		t.Fatalf("%q", got)
	}
	secrets := []Keys{keys(t, "other", salt), keys(t, "pencil", salt)}
	which, final, err := e.Finish([]byte("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), secrets)
	if err != nil || which != 1 || string(final) != "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" {
		t.Fatalf("secret %d, %q, %v", which, final, err)
	}
}

// TestForeignClient holds exchanges with a client that is not ours to how they have to end.
func TestForeignClient(t *testing.T) {
	const secret = "abcd-efgh"
	salt := []byte("0123456789abcdef")
	exporter := other.ChannelBinding{Type: other.ChannelBindingTLSExporter, Data: []byte("this connection")}
	binding := func(kind string) ([]byte, bool) { return []byte("this connection"), kind == "tls-exporter" }
	for _, tt := range []struct {
		name, login, secret string
		plus, offered       bool
		begin               func(*other.Client) *other.ClientConversation
		want                error
	}{
		{"plain", "user", secret, false, false, (*other.Client).NewConversation, nil},
		{"plain beside another that was offered", "user", secret, false, true, (*other.Client).NewConversation, nil},
		{"a name with signs", "us=er,na=2Cme", secret, false, false, (*other.Client).NewConversation, nil},
		{"wrong", "user", secret + "x", false, false, (*other.Client).NewConversation, ErrWrong},
		{"bound", "user", secret, true, true, func(c *other.Client) *other.ClientConversation {
			return c.NewConversationWithChannelBinding(exporter)
		}, nil},
		{"bound to another connection", "user", secret, true, true, func(c *other.Client) *other.ClientConversation {
			return c.NewConversationWithChannelBinding(other.ChannelBinding{Type: exporter.Type, Data: []byte("another connection")})
		}, ErrBinding},
		{"bound in an unknown way", "user", secret, true, true, func(c *other.Client) *other.ClientConversation {
			return c.NewConversationWithChannelBinding(other.ChannelBinding{Type: other.ChannelBindingTLSUnique, Data: exporter.Data})
		}, ErrBinding},
		{"bound, where that was not chosen", "user", secret, false, true, func(c *other.Client) *other.ClientConversation {
			return c.NewConversationWithChannelBinding(exporter)
		}, ErrMalformed},
		{"could be bound, and somebody hid that we can", "user", secret, false, true, (*other.Client).NewConversationAdvertisingChannelBinding, ErrBinding},
		{"could be bound, and we do not", "user", secret, false, false, (*other.Client).NewConversationAdvertisingChannelBinding, nil},
		{"not bound, where that was chosen", "user", secret, true, true, (*other.Client).NewConversation, ErrMalformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			client, err := other.SHA256.NewClient(tt.login, tt.secret, "")
			if err != nil {
				t.Fatal(err)
			}
			c := tt.begin(client)
			step := func(challenge string) []byte {
				t.Helper()
				answer, err := c.Step(challenge)
				if err != nil {
					t.Fatal(err)
				}
				return []byte(answer)
			}
			e, err := Begin(step(""), tt.plus, tt.offered, binding)
			var final []byte
			if err == nil {
				if e.Login() != tt.login {
					t.Errorf("login %q", e.Login())
				}
				_, final, err = e.Finish(step(string(e.Challenge("nonce", salt))), []Keys{keys(t, secret, salt)})
			}
			if !errors.Is(err, tt.want) {
				t.Fatalf("%v, want %v", err, tt.want)
			}
			if err == nil {
				if step(string(final)); !c.Valid() {
					t.Error("the client does not believe the server")
				}
			}
		})
	}
}

// TestMalformed: what no client sends gets no further.
func TestMalformed(t *testing.T) {
	for _, first := range []string{
		"", ",", ",,", "n,,", "n,,n=user", "n,,n=,r=x", "n,,n=user,r=", "n,,n=us=er,r=x", "n,,n=us\x00er,r=x", "n,,m=x,n=user,r=x", "n,,r=x,n=user",
		"x,,n=user,r=x", "n,user,n=user,r=x", "n,a=other,n=user,r=x", "n,,n=user,r=\x7f", "p=,,n=user,r=x", "n,,n=user,r=" + strings.Repeat("x", maxMessage),
	} {
		if e, err := Begin([]byte(first), false, true, noBinding); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.40q: %+v, %v", first, e, err)
		}
	}
	salt := []byte("0123456789abcdef")
	proof := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for last, want := range map[string]error{
		"":                                       ErrMalformed,
		"c=biws,r=xnonce":                        ErrMalformed,
		"c=biws,r=x,p=" + proof:                  ErrMalformed,
		"c=biws,r=xnonc,p=" + proof:              ErrMalformed,
		"c=!,r=xnonce,p=" + proof:                ErrMalformed,
		"r=xnonce,c=biws,p=" + proof:             ErrMalformed,
		"c=biws,r=xnonce,p=":                     ErrMalformed,
		"c=biws,r=xnonce,p=" + proof[:8]:         ErrMalformed,
		"c=eSws,r=xnonce,p=" + proof:             ErrBinding, // "y,,", another header than it began with
		"c=biws,r=xnonce,p=" + proof:             ErrWrong,
		"c=biws,r=xnonce,x=extension,p=" + proof: ErrWrong,
	} {
		e, err := Begin([]byte("n,,n=user,r=x"), false, false, noBinding)
		if err != nil {
			t.Fatal(err)
		}
		e.Challenge("nonce", salt)
		if _, _, err := e.Finish([]byte(last), []Keys{keys(t, "secret", salt)}); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", last, err, want)
		}
	}
	if _, _, err := (&Exchange{both: "x", header: "n,,"}).Finish([]byte("c=biws,r=x,p="+proof), nil); !errors.Is(err, ErrWrong) {
		t.Errorf("nobody's secret: %v", err)
	}
}

// FuzzExchange: whatever a client sends, it comes in by a proof alone.
func FuzzExchange(f *testing.F) {
	f.Add([]byte("n,,n=user,r=rOprNGfwEbeRWgbNEkqO"), []byte("c=biws,r=rOprNGfwEbeRWgbNEkqOnonce,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="), false)
	f.Add([]byte("p=tls-exporter,,n=user,r=x"), []byte("c=cD10bHMtZXhwb3J0ZXIsLA==,r=xnonce,p=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="), true)
	salt := []byte("0123456789abcdef")
	secrets := []Keys{keys(f, "a secret that nobody guesses", salt)}
	f.Fuzz(func(t *testing.T, first, last []byte, plus bool) {
		e, err := Begin(first, plus, plus, func(kind string) ([]byte, bool) { return []byte(kind), kind == "tls-exporter" })
		if err != nil {
			return
		}
		if e.Login() == "" || !bytes.Contains(e.Challenge("nonce", salt), []byte("nonce,s=")) {
			t.Errorf("%q: %+v", first, e)
		}
		if _, _, err := e.Finish(last, secrets); err == nil {
			t.Error("signed in without the secret")
		}
	})
}
