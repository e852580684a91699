package keyroll

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"cairn/smtpgw/dane"
)

const (
	// fileVersion is of the file that keeps next keys; maxFile bounds it, in octets.
	fileVersion = 1
	maxFile     = 1 << 20
	// maxRecord and maxName bound a record and a name, in octets.
	maxRecord, maxName = 200, 253
)

// file is a Ring as JSON.
type file struct {
	Version int                 `json:"version"`
	Names   map[string]fileName `json:"names"`
}

type fileName struct {
	Key     string    `json:"next_key,omitempty"` // PKCS #8, in PEM
	Made    time.Time `json:"made,omitzero"`
	Before  string    `json:"before,omitempty"` // the record of the key in use
	Last    Answer    `json:"seen,omitempty"`
	Since   time.Time `json:"since,omitzero"`
	Seconds int64     `json:"ttl,omitempty"`
	Former  string    `json:"former,omitempty"`
	Until   time.Time `json:"former_until,omitzero"`
}

// Encode is the JSON document that Decode reads.
func (r *Ring) Encode() ([]byte, error) {
	f := file{fileVersion, make(map[string]fileName)}
	for name, n := range r.names {
		var v fileName
		if n.Next != nil {
			der, err := x509.MarshalPKCS8PrivateKey(n.Next.Key)
			if err != nil {
				return nil, err
			}
			key := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
			v = fileName{Key: key, Made: n.Next.Made, Before: n.Next.Before, Last: n.Next.Last, Since: n.Next.Since, Seconds: int64(n.Next.TTL / time.Second)}
		}
		if n.Former != nil {
			v.Former, v.Until = n.Former.Record, n.Former.Until
		}
		f.Names[name] = v
	}
	return json.MarshalIndent(&f, "", "  ")
}

// Decode reads what Encode wrote. Errors say what is wrong with it, or that a later version wrote
// it.
func Decode(text []byte) (*Ring, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("%d octets are more than %d", len(text), maxFile)
	}
	var v struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return nil, err
	}
	if v.Version != fileVersion {
		return nil, fmt.Errorf("it is of version %d, and not of %d", v.Version, fileVersion)
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the document")
	}
	if len(f.Names) > maxNames {
		return nil, fmt.Errorf("%d names are more than %d", len(f.Names), maxNames)
	}
	r := &Ring{make(map[string]Name)}
	for name, v := range f.Names {
		n, err := v.name()
		if err == nil && (name == "" || len(name) > maxName || name != strings.ToLower(name)) {
			err = errors.New("it is no name of a host in lower case")
		}
		if err != nil {
			return nil, fmt.Errorf("%.80q: %w", name, err)
		}
		r.names[name] = n
	}
	return r, nil
}

// name is what a file says of a name.
func (v *fileName) name() (n Name, err error) {
	if v.Former != "" {
		if len(v.Former) > maxRecord || v.Until.IsZero() {
			return n, errors.New("the record of the former key is none")
		}
		n.Former = &Former{v.Former, v.Until}
	}
	if v.Key == "" {
		if n.Former == nil {
			return n, errors.New("there is no next key")
		}
		return n, nil
	}
	key, err := decodeKey(v.Key)
	if err != nil {
		return n, err
	}
	switch {
	case v.Made.IsZero(), v.Before == "", len(v.Before) > maxRecord, v.Last < NotKnown, v.Last > Nothing, (v.Last == NotKnown) != v.Since.IsZero():
		return n, errors.New("what was seen of its record is nothing")
	case v.Seconds < 0 || v.Seconds > int64(mostTTL/time.Second):
		return n, errors.New("a TTL out of bounds")
	}
	n.Next = &Next{key, v.Made, v.Before, v.Last, v.Since, time.Duration(v.Seconds) * time.Second}
	return n, nil
}

func decodeKey(text string) (*ecdsa.PrivateKey, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("its key is none in PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("its key is none of PKCS #8")
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("its key is of another kind than ECDSA")
	}
	return ec, nil
}

// Record is the TLSA record 3 1 1 of a public key (RFC 6698, section 2.1); "" of what is none.
func Record(public any) string {
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return ""
	}
	return dane.OfKey(spki).String()
}
