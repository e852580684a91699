package keyring

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// rsaKey is one for all tests: drawing it takes a while.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// draw makes keys, of RSA always the same.
func draw(a Algorithm) (crypto.Signer, error) {
	if a == RSA {
		return rsaKey(), nil
	}
	_, key, err := ed25519.GenerateKey(nil)
	return key, err
}

// ringOf is a ring with keys for these domains.
func ringOf(t testing.TB, now time.Time, domains ...string) Ring {
	t.Helper()
	r, err := Ring{}.With(domains, now, draw)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// all is the same answer for each key of a ring.
func all(r Ring, a Answer) map[string]Answer {
	answers := make(map[string]Answer)
	for _, k := range r.Keys() {
		answers[k.Name()] = a
	}
	return answers
}

// states are the states of the Ed25519 keys of a ring, in the order in which they were made.
func states(r Ring, now time.Time) string {
	var list []string
	for _, k := range r.Keys() {
		if k.Algorithm() == Ed25519 {
			list = append(list, string(k.State(now)))
		}
	}
	return strings.Join(list, " ")
}

var day0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestRotation: a key signs once its record is seen, and the one before it until then.
func TestRotation(t *testing.T) {
	now := day0
	r := ringOf(t, now, "example.org")
	is := func(want string) {
		t.Helper()
		if got := states(r, now); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
	is("waiting")
	if len(r.Signing("example.org")) != 0 {
		t.Error("it signs without a record")
	}
	if _, err := r.Rotate("example.org", now, draw); !errors.Is(err, ErrWaiting) {
		t.Errorf("rotate: %v", err)
	}
	r = r.Seen(all(r, Absent), now)
	is("waiting")
	r = r.Seen(all(r, Present), now)
	is("signing")
	if keys := r.Signing("example.org"); len(keys) != 2 || keys[0].Algorithm() != Ed25519 || keys[1].Algorithm() != RSA {
		t.Errorf("signing: %v", keys)
	}
	if len(r.Signing("example.net")) != 0 {
		t.Error("it signs for another domain")
	}
	r = r.Seen(all(r, NoAnswer), now)
	is("signing")

	r, err := r.Rotate("example.org", now, func(a Algorithm) (crypto.Signer, error) { return draw(Ed25519) })
	if err != nil {
		t.Fatal(err)
	}
	r.keys = slices.Delete(r.keys, 3, 4) // the other one of two Ed25519 keys
	is("signing waiting")
	first, second := r.keys[0].Name(), r.keys[2].Name()
	r = r.Seen(map[string]Answer{first: Present, second: Absent}, now)
	if got := r.Signing("example.org")[0].Name(); got != first {
		t.Errorf("%s signs", got)
	}
	r = r.Seen(map[string]Answer{first: Present, second: Present}, now)
	is("former signing")
	if got := r.Signing("example.org")[0].Name(); got != second {
		t.Errorf("%s signs", got)
	}
	// The record of the new key is gone: the old one, which is there still, signs again.
	back := r.Seen(map[string]Answer{first: Present, second: Absent}, now)
	if got := back.Signing("example.org")[0].Name(); got != first {
		t.Errorf("%s signs", got)
	}
	r = r.Seen(map[string]Answer{first: Absent, second: Present}, now)
	is("former signing") // before its time, which a slow DNS may need
	now = now.Add(Keep)
	is("ended signing")
	r = r.Seen(map[string]Answer{first: NoAnswer, second: Present}, now)
	is("ended signing")
	r = r.Seen(map[string]Answer{first: Absent, second: Present}, now)
	is("signing")
}

// TestReplace: keys that somebody else has sign no more, whatever the DNS says, and their records
// are to be removed at once; so it is with those that wait for theirs, and those of before.
func TestReplace(t *testing.T) {
	now := day0
	r := ringOf(t, now, "example.net", "example.org")
	r = r.Seen(all(r, Present), now)
	now = now.Add(24 * time.Hour) // keys of one day may be the same here
	r, err := r.Rotate("example.org", now, draw)
	if err != nil {
		t.Fatal(err)
	}
	r = r.Seen(all(r, Present), now)
	now = now.Add(24 * time.Hour)
	if r, err = r.Rotate("example.org", now, draw); err != nil || states(r, now) != "signing former signing waiting" {
		t.Fatalf("%s, %v", states(r, now), err)
	}
	stolen := r.Keys()
	now = now.Add(24 * time.Hour)
	if r, err = r.Replace("example.org", now, draw); err != nil || states(r, now) != "signing ended ended ended waiting" {
		t.Fatalf("%s, %v", states(r, now), err)
	}
	if len(r.Signing("example.org")) != 0 || len(r.Signing("example.net")) != 2 {
		t.Error("a stolen key signs, or one of another domain does not")
	}
	answers := all(r, Absent)
	for _, k := range stolen {
		answers[k.Name()] = Present
	}
	if r = r.Seen(answers, now); len(r.Signing("example.org")) != 0 || states(r, now) != "signing ended ended ended waiting" {
		t.Errorf("with their records: %s", states(r, now))
	}
	again, err := r.Replace("example.org", now.Add(24*time.Hour), draw)
	if err != nil || states(again, now.Add(24*time.Hour)) != "signing ended ended ended ended waiting" {
		t.Errorf("%s, %v", states(again, now), err)
	}
	answers = all(r, Present)
	for _, k := range stolen {
		if k.Domain == "example.org" {
			answers[k.Name()] = Absent
		}
	}
	if r = r.Seen(answers, now); states(r, now) != "signing signing" || len(r.Signing("example.org")) != 2 {
		t.Errorf("without their records: %s", states(r, now))
	}
}

// TestDomains: keys of domains that the organisation gives up end.
func TestDomains(t *testing.T) {
	r := ringOf(t, day0, "example.org", "example.net")
	r = r.Seen(all(r, Present), day0)
	again, err := r.With([]string{"example.org", "example.net"}, day0, draw)
	if err != nil || len(again.Keys()) != 4 {
		t.Fatalf("%d keys, %v", len(again.Keys()), err)
	}
	r, err = r.With([]string{"example.net"}, day0, draw)
	if err != nil || states(r, day0) != "former signing" {
		t.Fatalf("%s, %v", states(r, day0), err)
	}
	both := []string{"example.net", "example.org"}
	if back, err := r.With(both, day0, draw); err != nil || states(back, day0) != "signing signing" {
		t.Errorf("back soon: %s, %v", states(back, day0), err)
	}
	late := day0.Add(Keep)
	if back, err := r.With(both, late, draw); err != nil || states(back, late) != "ended signing waiting" {
		t.Errorf("back late: %s, %v", states(back, late), err)
	}
	fails := errors.New("no chance here")
	if _, err := (Ring{}).With([]string{"example.org"}, day0, func(Algorithm) (crypto.Signer, error) { return nil, fails }); !errors.Is(err, fails) {
		t.Errorf("without chance: %v", err)
	}
}

// TestManyRotations: who rotates day by day has to remove records.
func TestManyRotations(t *testing.T) {
	now := day0
	r := ringOf(t, now, "example.org")
	for i := range maxFormer + 1 {
		r = r.Seen(all(r, Present), now)
		next, err := r.Rotate("example.org", now, func(Algorithm) (crypto.Signer, error) { return draw(Ed25519) })
		if want := i == maxFormer; errors.Is(err, ErrFormer) != want {
			t.Fatalf("rotation %d: %v", i, err)
		} else if want {
			return
		}
		now = now.Add(24 * time.Hour)
		r = next
		r.keys = slices.Delete(r.keys, len(r.keys)-1, len(r.keys))
	}
}

// TestSelectors: they have the day, and no two keys share one.
func TestSelectors(t *testing.T) {
	r := ringOf(t, day0, "example.org")
	seen := make(map[string]bool)
	for _, k := range r.Keys() {
		if !strings.HasPrefix(k.Selector, "cairn-20260102-") || seen[k.Selector] || !isSelector(k.Selector) {
			t.Errorf("selector %s", k.Selector)
		}
		seen[k.Selector] = true
	}
}

// TestFile: a ring is read as it was written, and one that is damaged or of a later version is not.
func TestFile(t *testing.T) {
	r := ringOf(t, day0, "example.org", "xn--exmple-cua.example")
	r = r.Seen(all(r, Present), day0.Add(time.Hour))
	text, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeRing(text)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := got.Encode(); err != nil || string(again) != string(text) {
		t.Errorf("%v:\n%s\nwas\n%s", err, again, text)
	}
	for _, tt := range []struct{ name, old, new, err string }{
		{"cut off", "}", "", "no document"},
		{"more behind", "", "", "no document"},
		{"later", `"version": 1`, `"version": 2`, "version 2"},
		{"no domain", "example.org", "", "no domain"},
		{"not canonical", "example.org", "Example.org", "no domain"},
		{"a selector with dots", "cairn-", "a..", "no domain"},
		{"twice", r.keys[1].Selector, r.keys[0].Selector, "twice"},
		{"no key", `"private": "M`, `"private": "N`, "cannot be taken apart"},
	} {
		bad := strings.ReplaceAll(string(text), tt.old, tt.new)
		if tt.name == "more behind" {
			bad = string(text) + "{}"
		}
		if _, err := DecodeRing([]byte(bad)); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// FuzzDecodeRing: what is taken is written again in one form.
func FuzzDecodeRing(f *testing.F) {
	text, err := ringOf(f, day0, "example.org").Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1,"keys":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := DecodeRing(text)
		if err != nil {
			return
		}
		once, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeRing(once)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := again.Encode(); err != nil || string(twice) != string(once) {
			t.Errorf("%v: %s\nwas\n%s", err, twice, once)
		}
	})
}

// TestCheck: what verifiers make of a record.
func TestCheck(t *testing.T) {
	for _, k := range ringOf(t, day0, "example.org").Keys() {
		record := k.Record()
		p := record[strings.Index(record, "p="):]
		kind := "k=" + string(k.Algorithm())
		for _, tt := range []struct {
			name  string
			texts []string
			want  string // in what is said; empty: it is well
		}{
			{"as it is", []string{record}, ""},
			{"a tag behind", []string{record + "; n=note;"}, ""},
			{"without a version", []string{kind + "; " + p}, ""},
			{"broken in the middle", []string{record[:60] + " " + record[60:]}, ""},
			{"hashes", []string{"v=DKIM1; h=sha1:sha256; s=email; " + kind + "; " + p}, ""},
			{"strict", []string{record + "; t=s"}, ""},
			{"none", nil, "no record"},
			{"two", []string{record, record}, "2 records"},
			{"revoked", []string{"v=DKIM1; " + kind + "; p="}, "another key"},
			{"cut off", []string{record[:len(record)-8]}, "another key"},
			{"no base64", []string{record[:len(record)-4] + "????"}, "another key"},
			{"another kind", []string{"v=DKIM1; k=dsa; " + p}, "another kind"},
			{"another version", []string{"v=DKIM2; " + kind + "; " + p}, "first tag"},
			{"the version behind", []string{kind + "; v=DKIM1; " + p}, "first tag"},
			{"SHA-1 alone", []string{"v=DKIM1; h=sha1; " + kind + "; " + p}, "h= or s="},
			{"for something else", []string{"v=DKIM1; s=tlsrpt; " + kind + "; " + p}, "h= or s="},
			{"on trial", []string{record + "; t=y:s"}, "on trial"},
			{"a tag twice", []string{record + "; p="}, "no list of tags"},
			{"SPF", []string{"v=spf1 -all"}, "first tag"},
			{"words", []string{"hello"}, "no list of tags"},
			{"an empty tag", []string{"v=DKIM1;; " + kind + "; " + p}, "no list of tags"},
			{"one in front", []string{"; " + kind + "; " + p}, "no list of tags"},
			{"one at the end", []string{record + ";"}, ""},
		} {
			if got := k.Check(tt.texts); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("%s, %s: %q", k.Algorithm(), tt.name, got)
			}
		}
		if joined := strings.Join(Strings(record), ""); joined != record {
			t.Errorf("cut into %q", Strings(record))
		}
		for _, s := range Strings(record) {
			if len(s) == 0 || len(s) > maxString {
				t.Errorf("a string of %d octets", len(s))
			}
		}
	}
}

// FuzzCheck: a record that is well is so for the library that verifies, too.
func FuzzCheck(f *testing.F) {
	keys := ringOf(f, day0, "example.org").Keys()
	for _, k := range keys {
		f.Add(k.Record())
		f.Add(fmt.Sprintf("k=%s; %s", k.Algorithm(), k.Record()[6:]))
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, k := range keys {
			if why := k.Check([]string{text}); why == "" {
				verifies(t, k, text)
			}
		}
	})
}
