package home

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"filippo.io/age"

	"cairn/node/api"
)

func encrypted(t *testing.T, plain []byte, to ...string) []byte {
	t.Helper()
	return sealed(t, plain, func(w io.Writer) (io.WriteCloser, error) { return Encrypt(w, "", to) })
}

// secretly encrypts with a passphrase, as Encrypt does but for the work that the test would wait
// for.
func secretly(t *testing.T, plain []byte, passphrase string, workFactor int) []byte {
	t.Helper()
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(workFactor)
	return sealed(t, plain, func(w io.Writer) (io.WriteCloser, error) { return age.Encrypt(w, r) })
}

func sealed(t *testing.T, plain []byte, begin func(io.Writer) (io.WriteCloser, error)) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := begin(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func opened(b []byte, keys Keys) (was bool, err error) {
	plain, was, err := Decrypt(bytes.NewReader(b), keys)
	if err == nil {
		_, _, err = Check(plain, asMade)
	}
	return was, err
}

// said is a passphrase that somebody types, none that there is nobody.
func said(text string) func() (string, error) { return func() (string, error) { return text, nil } }

func TestEncryption(t *testing.T) {
	plain := backup(t, texts(), false)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file := func(k *age.X25519Identity) []byte { return []byte("# created\n" + k.String() + "\n") }
	nobody := errors.New("nobody is there to ask")
	none := func() (string, error) { return "", nobody }
	toKey := encrypted(t, plain, key.Recipient().String())
	toTwo := encrypted(t, plain, stranger.Recipient().String(), key.Recipient().String())
	secret := secretly(t, plain, "correct horse", 10)
	for _, b := range [][]byte{toKey, toTwo, secret} {
		if bytes.Contains(b, []byte(magic)) || bytes.Contains(b, []byte("keys/node.pem")) {
			t.Error("what is in it can be read")
		}
	}
	for name, tt := range map[string]struct {
		b    []byte
		keys Keys
		says string
	}{
		"to a key":    {toKey, Keys{none, file(key)}, ""},
		"to two keys": {toTwo, Keys{none, file(key)}, ""},
		"passphrase":  {secret, Keys{said("correct horse"), nil}, ""},
		"no key":      {toKey, Keys{none, nil}, "it is encrypted to a key"},
		"another key": {toKey, Keys{none, file(stranger)}, "it is encrypted to another key"},
		"no identity": {toKey, Keys{none, []byte("-----BEGIN")}, "the identity file: "},
		"wrong":       {secret, Keys{said("wrong horse"), file(key)}, "the passphrase is wrong"},
	} {
		was, err := opened(tt.b, tt.keys)
		if tt.says == "" && err != nil || !was {
			t.Errorf("%s: %v", name, err)
		} else if tt.says != "" {
			wantError(t, err, api.CodeInvalid, tt.says)
		}
	}
	if _, err := opened(secret, Keys{Passphrase: none}); !errors.Is(err, nobody) {
		t.Errorf("nobody to ask: %v", err)
	}
	if was, err := opened(plain, Keys{none, file(key)}); was || err != nil {
		t.Errorf("not encrypted: %v, %v", was, err)
	}
	keys := Keys{none, file(key)}
	for n := range toKey {
		if n%40 > 0 && n < len(toKey)-40 {
			continue
		}
		_, err := opened(toKey[:n], keys)
		wantError(t, err, api.CodeInvalid, "the backup: ")
		damaged := bytes.Clone(toKey)
		damaged[n] ^= 1
		_, err = opened(damaged, keys)
		wantError(t, err, api.CodeInvalid, "the backup: ")
	}
	_, err = opened(append(bytes.Clone(toKey), 0), keys)
	wantError(t, err, api.CodeInvalid, "the backup: ")
	if _, _, err := Decrypt(io.MultiReader(strings.NewReader(ageIntro), endless{}), keys); err == nil || !strings.Contains(err.Error(), "it has no end") {
		t.Errorf("a header without end: %v", err)
	}
	broken := errors.New("input/output error")
	opener, _, err := Decrypt(io.MultiReader(bytes.NewReader(toKey[:len(toKey)-9]), failing{broken}), keys)
	if err == nil {
		_, _, err = Check(opener, asMade)
	}
	if !errors.Is(err, broken) {
		t.Errorf("a disk that fails: %v", err)
	}
}

func TestNoRecipient(t *testing.T) {
	for _, text := range []string{"", "age1", "alice@alpha.example", "AGE-SECRET-KEY-1", "age1x\nage1y"} {
		_, err := Encrypt(io.Discard, "", []string{text})
		wantError(t, err, api.CodeInvalid, "is not a recipient of age")
	}
}

// What would take more memory than one has is refused, not tried.
func TestCostlyPassphrase(t *testing.T) {
	costly := bytes.Replace(secretly(t, nil, "x", 10), []byte(" 10\n"), []byte(" 30\n"), 1)
	_, _, err := Decrypt(bytes.NewReader(costly), Keys{Passphrase: said("x")})
	wantError(t, err, api.CodeInvalid, "work factor too large")
}

// endless is a header of age that goes on.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return copy(b, "-> X25519 abc\nAAAA\n"), nil }
