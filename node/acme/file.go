package acme

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"time"
)

const (
	// fileVersion is of the file that keeps account, certificates and failed attempts; firstVersion
	// has no attempts, and is read as well.
	fileVersion  = 2
	firstVersion = 1
	// maxNames is how many names have certificates at most; maxFile bounds the file, in octets.
	maxNames = 64
	maxFile  = 8 << 20
)

// Certified is what is kept of a name.
type Certified struct {
	// Directory is the URL of the authority that certified the name.
	Directory string
	// Certificate has the chain, its key and its parsed leaf.
	Certificate *tls.Certificate
}

// Attempt is what is kept of attempts at a name that failed, or of whose end nothing is known: who
// is started again and again does not ask each time.
type Attempt struct {
	Directory string    `json:"directory"` // of the authority that was asked
	Failed    int       `json:"failed"`    // in a row
	Next      time.Time `json:"next"`      // when the next one is
	Asked     bool      `json:"asked"`     // the authority wants it no sooner
	Why       string    `json:"why"`
}

// Kept is what is on the disk: the account's key, what was certified by names in lower case, and
// what failed. Its zero value is of who never asked an authority.
type Kept struct {
	Account  *ecdsa.PrivateKey // nil: there is none yet
	Names    map[string]Certified
	Attempts map[string]Attempt
}

// file is Kept as JSON. Keys and chains are PEM: PKCS #8, and certificates from the leaf up.
type file struct {
	Version int                 `json:"version"`
	Account string              `json:"account_key,omitempty"`
	Names   map[string]fileName `json:"names"`

	Attempts map[string]Attempt `json:"attempts,omitempty"`
}

type fileName struct {
	Directory string `json:"directory"`
	Key       string `json:"key"`
	Chain     string `json:"chain"`
}

// Encode is the JSON document that Decode reads.
func (k *Kept) Encode() ([]byte, error) {
	f := file{Version: fileVersion, Names: make(map[string]fileName), Attempts: k.Attempts}
	var err error
	if k.Account != nil {
		if f.Account, err = encodeKey(k.Account); err != nil {
			return nil, err
		}
	}
	for name, c := range k.Names {
		key, err := encodeKey(c.Certificate.PrivateKey)
		if err != nil {
			return nil, err
		}
		var chain bytes.Buffer
		for _, der := range c.Certificate.Certificate {
			if err := pem.Encode(&chain, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
				return nil, err
			}
		}
		f.Names[name] = fileName{c.Directory, key, chain.String()}
	}
	return json.MarshalIndent(&f, "", "  ")
}

// Decode reads what Encode wrote. Errors say what is wrong with it, or that a later version wrote
// it.
func Decode(text []byte) (*Kept, error) {
	var f file
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if len(text) > maxFile {
		return nil, fmt.Errorf("%d octets are more than %d", len(text), maxFile)
	}
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	if v.Version != fileVersion && v.Version != firstVersion {
		return nil, fmt.Errorf("it is of version %d, and not of %d", v.Version, fileVersion)
	}
	if err := d.Decode(&f); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the document")
	}
	if err := f.checkAttempts(); err != nil {
		return nil, err
	}
	k := &Kept{Names: make(map[string]Certified), Attempts: f.Attempts}
	if f.Account != "" {
		key, err := decodeKey(f.Account)
		if err != nil {
			return nil, fmt.Errorf("the account: %w", err)
		}
		k.Account = key
	}
	if len(f.Names) > maxNames {
		return nil, fmt.Errorf("%d names are more than %d", len(f.Names), maxNames)
	}
	for name, n := range f.Names {
		pair, err := tls.X509KeyPair([]byte(n.Chain), []byte(n.Key))
		if err != nil {
			return nil, fmt.Errorf("%.80q: %w", name, err)
		}
		if err := pair.Leaf.VerifyHostname(name); err != nil {
			return nil, fmt.Errorf("%.80q: %w", name, err)
		}
		if _, ec := pair.PrivateKey.(*ecdsa.PrivateKey); !ec {
			return nil, fmt.Errorf("%.80q: the key is of another kind than ECDSA", name)
		}
		k.Names[name] = Certified{n.Directory, &pair}
	}
	return k, nil
}

// checkAttempts is about what is kept of attempts.
func (f *file) checkAttempts() error {
	switch {
	case f.Version == firstVersion && f.Attempts != nil:
		return fmt.Errorf("a file of version %d keeps no attempts", firstVersion)
	case len(f.Attempts) > maxNames:
		return fmt.Errorf("attempts at %d names are more than at %d", len(f.Attempts), maxNames)
	}
	for name, a := range f.Attempts {
		if a.Failed < 1 || len(a.Why) > 2*maxFault {
			return fmt.Errorf("%.80q: what is kept of attempts is none", name)
		}
	}
	return nil
}

// with is k with what was certified of a name, in place of what it had.
func (k *Kept) with(name string, c Certified) *Kept {
	next := &Kept{Account: k.Account, Names: maps.Clone(k.Names)}
	if next.Names == nil {
		next.Names = make(map[string]Certified)
	}
	next.Names[name] = c
	return next
}

// without is k without the names that drop is true of.
func (k *Kept) without(drop func(string, *Certified) bool) *Kept {
	next := &Kept{Account: k.Account, Names: maps.Clone(k.Names)}
	maps.DeleteFunc(next.Names, func(name string, c Certified) bool { return drop(name, &c) })
	return next
}

func encodeKey(key crypto.PrivateKey) (string, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})), err
}

func decodeKey(text string) (*ecdsa.PrivateKey, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it is no key in PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("it is no key of PKCS #8")
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("it is of another kind than ECDSA")
	}
	return ec, nil
}
