package keyroll

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"cairn/smtpgw/dane"
)

var day = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)

func drawn(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// look is what the DNS says at a time after the key was made.
type look struct {
	at     time.Duration
	answer Answer
	ttl    time.Duration
}

// TestDue: a next key is used when the DNS has said long enough that nobody is left who knows the
// record of the key in use alone, and at no other time.
func TestDue(t *testing.T) {
	const hour = time.Hour
	for _, tt := range []struct {
		name  string
		looks []look
		want  time.Duration // when it is ready after the last look; negative: not
		due   bool          // at the last look
	}{
		{"never asked", nil, -1, false},
		{"the DNS does not answer", []look{{0, NotKnown, 0}, {1000 * hour, NotKnown, 0}}, -1, false},
		{"the next record is lacking", []look{{0, Lacking, hour}, {1000 * hour, Lacking, hour}}, -1, false},
		{"both, for less than two TTLs", []look{{0, Lacking, 2 * hour}, {hour, Both, 2 * hour}, {5*hour - 1, Both, 2 * hour}}, 5 * hour, false},
		{"both, for two TTLs", []look{{0, Lacking, 2 * hour}, {hour, Both, 2 * hour}, {5 * hour, Both, 2 * hour}}, 5 * hour, true},
		{"the TTL was longer before", []look{{0, Lacking, 24 * hour}, {hour, Both, hour}, {48 * hour, Both, hour}}, 49 * hour, false},
		{"what is left of a TTL is no TTL", []look{{0, Both, time.Second}, {5 * time.Minute, Both, 2 * hour}, {hour, Both, hour}}, 4 * hour, false},
		{"a short TTL", []look{{0, Both, time.Minute}, {hour - 1, Both, time.Minute}}, hour, false},
		{"a short TTL, an hour later", []look{{0, Both, time.Minute}, {hour, Both, time.Minute}}, hour, true},
		{"one went away meanwhile", []look{{0, Both, hour}, {hour, Lacking, hour}, {2 * hour, Both, hour}, {3 * hour, Both, hour}}, 4 * hour, false},
		{"no answer when it is time", []look{{0, Both, hour}, {10 * hour, NotKnown, 0}}, 2 * hour, false},
		{"no answer meanwhile", []look{{0, Both, hour}, {hour, NotKnown, 0}, {2 * hour, Both, hour}}, 2 * hour, true},
		{"it is lacking when it is time", []look{{0, Both, hour}, {2 * hour, Lacking, hour}}, -1, false},
		{"nothing counts", []look{{0, Nothing, 0}, {Unseen - 1, Nothing, 0}}, Unseen, false},
		{"nothing counts for a day", []look{{0, Nothing, 0}, {Unseen, Nothing, 0}}, Unseen, true},
		{"nothing, then records of the key in use", []look{{0, Nothing, 0}, {Unseen, Lacking, hour}}, -1, false},
		{"records that were removed", []look{{0, Lacking, 48 * hour}, {hour, Nothing, 0}, {25 * hour, Nothing, 0}}, 97 * hour, false},
		{"the clock was set back", []look{{100 * hour, Both, hour}, {0, Both, hour}, {hour, Both, hour}}, 2 * hour, false},
		{"a TTL beyond all", []look{{0, Both, 1000000 * hour}}, 2 * mostTTL, false},
	} {
		n := Next{Made: day}
		due := false
		for _, l := range tt.looks {
			n = n.After(l.answer, l.ttl, day.Add(l.at))
			due = n.Due(l.answer, day.Add(l.at))
		}
		if got := n.Ready(); due != tt.due || (tt.want < 0) != got.IsZero() || tt.want >= 0 && !got.Equal(day.Add(tt.want)) {
			t.Errorf("%s: due is %t, ready %s after", tt.name, due, got.Sub(day))
		}
	}
}

// TestJudge: records of both keys have to be there, whatever others are.
func TestJudge(t *testing.T) {
	n := &Next{Key: drawn(t)}
	record := func(key *ecdsa.PrivateKey) dane.Record {
		spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		return dane.OfKey(spki)
	}
	present, next, other := record(drawn(t)), record(n.Key), record(drawn(t))
	for _, tt := range []struct {
		records []dane.Record
		want    Answer
	}{
		{nil, Nothing}, {[]dane.Record{present}, Lacking}, {[]dane.Record{next}, Lacking}, {[]dane.Record{other}, Lacking},
		{[]dane.Record{present, next}, Both}, {[]dane.Record{next, other, present}, Both},
	} {
		if got := n.Judge(tt.records, present.String()); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.records, got, tt.want)
		}
	}
}

// kept is a Ring with all that there can be of a name.
func kept(t testing.TB) *Ring {
	key := drawn(t)
	next := &Next{Key: key, Made: day, Before: "3 1 1 00", Last: Both, Since: day.Add(time.Hour), TTL: time.Hour}
	r := new(Ring).With("mail.example.org", Name{Next: next, Former: &Former{"3 1 1 01", day}})
	return r.With("mail.example.com", Name{Former: &Former{"3 1 1 02", day}})
}

// TestFile: what was written is read again, and what is none is not taken.
func TestFile(t *testing.T) {
	r := kept(t)
	text, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Decode(text); err != nil || !reflect.DeepEqual(got.names["mail.example.com"], r.names["mail.example.com"]) ||
		!got.Of("mail.example.org").Next.Key.Equal(r.Of("mail.example.org").Next.Key) || fmt.Sprint(got.Names()) != "[mail.example.com mail.example.org]" {
		t.Errorf("%v, %v", got, err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	der, _ := x509.MarshalPKCS8PrivateKey(other)
	rsaKey, _ := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	for was, is := range map[string]string{
		`"version": 1`: `"version": 2`, `"ttl": 3600`: `"ttl": -1`, `"seen": 2`: `"seen": 4`, `"mail.example.org"`: `"Mail.example.org"`,
		`"made": "2026`: `"other": "2026`, `-----BEGIN PRIVATE KEY`: `-----BEGIN`, `"before": "3 1 1 00"`: `"before": ""`,
	} {
		changed := strings.Replace(string(text), was, is, 1)
		if _, err := Decode([]byte(changed)); changed == string(text) || err == nil {
			t.Errorf("%s in place of %s: %v", is, was, err)
		}
	}
	if _, err := Decode([]byte(`{"version": 1, "names": {"a.example": {"next_key": ` + string(rsaKey) + `, "made": "2026-01-02T00:00:00Z", "before": "3"}}}`)); err == nil || !strings.Contains(err.Error(), "ECDSA") {
		t.Errorf("a key of RSA: %v", err)
	}
	if _, err := Decode(append(text, '1')); err == nil {
		t.Error("something behind it is taken")
	}
	if _, err := Decode(bytes.Repeat([]byte(" "), maxFile+1)); err == nil {
		t.Error("it is too long")
	}
	if got := r.Only([]string{"mail.example.com"}).Names(); len(got) != 1 || len(r.Names()) != 2 {
		t.Errorf("%v, %v", got, r.Names())
	}
	if got := r.With("mail.example.com", Name{}).Names(); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func FuzzDecode(f *testing.F) {
	text, err := kept(f).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1,"names":{}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := Decode(text)
		if err != nil {
			return
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Decode(again); err != nil || !reflect.DeepEqual(back.Names(), r.Names()) {
			t.Fatalf("%v in\n%s", err, again)
		}
	})
}
