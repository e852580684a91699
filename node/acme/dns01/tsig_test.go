package dns01

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	noon   = time.Unix(1_800_000_000, 0)
	secret = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("s"), 32))
)

func testKey(t testing.TB, name string) *Key {
	t.Helper()
	k, err := NewKey(name, secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// answer is the beginning of an answer to an update: a header and the question for a zone.
func answer(rcode byte) []byte {
	return append([]byte{0x12, 0x34, 0xa8, rcode, 0, 1, 0, 0, 0, 0, 0, 0}, "\x07example\x03org\x00\x00\x06\x00\x01"...)
}

// TestVerify: an answer counts that the key has signed for this request and now, and none that is
// otherwise (RFC 8945, section 5.3).
func TestVerify(t *testing.T) {
	k := testKey(t, "Cairn.example.org.")
	_, asked := k.sign(answer(0), noon)
	signed := func(change func(*tsig)) []byte {
		s := &tsig{key: k.name, at: uint64(noon.Unix()), fudge: fudge, id: 0x1234}
		if change != nil {
			change(s)
		}
		s.mac = k.sum(asked, answer(0), s)
		return s.appendTo(answer(0))
	}
	good := signed(nil)
	if err := k.verify(good, asked, noon); err != nil {
		t.Fatal(err)
	}
	if _, s, err := split(good); err != nil || len(s.mac) != 32 {
		t.Fatalf("%+v, %v", s, err)
	}
	unsigned := func(code uint16) []byte {
		return (&tsig{key: k.name, at: uint64(noon.Unix()), fudge: fudge, id: 0x1234, err: code}).appendTo(answer(9))
	}
	other := testKey(t, "other")
	_, otherMAC := k.sign(answer(0), noon.Add(time.Second))
	rename := func(name string) []byte { return bytes.Replace(good, hmacSHA256, []byte(name), 1) }
	for _, c := range []struct {
		name  string
		msg   []byte
		asked []byte
		now   time.Time
		want  error
	}{
		{"another ID by a forwarder", append([]byte{9, 9}, good[2:]...), asked, noon, nil},
		{"key in upper case", bytes.Replace(good, []byte("\x05cairn"), []byte("\x05CAIRN"), 1), asked, noon, nil},
		{"fudge behind", good, asked, noon.Add(300 * time.Second), nil},
		{"beyond fudge", good, asked, noon.Add(301 * time.Second), errClocks},
		{"beyond fudge before", good, asked, noon.Add(-301 * time.Second), errClocks},
		{"a small fudge", signed(func(s *tsig) { s.fudge = 1 }), asked, noon.Add(2 * time.Second), errClocks},
		{"a large fudge", signed(func(s *tsig) { s.fudge = 0xffff }), asked, noon.Add(301 * time.Second), errClocks},
		{"the time of BADTIME", signed(func(s *tsig) { s.err, s.other = badTime, make([]byte, 6) }), asked, noon, errClocks},
		{"no signature", answer(0), asked, noon, errUnsigned},
		{"of another request", good, otherMAC, noon, errForged},
		{"of no request", good, nil, noon, errForged},
		{"another text", bytes.Replace(good, []byte("example"), []byte("examqle"), 1), asked, noon, errForged},
		{"another code", append(append([]byte{}, good[:3]...), append([]byte{5}, good[4:]...)...), asked, noon, errForged},
		{"of another key", bytes.Replace(good, k.name, append([]byte("\x05dairn"), k.name[6:]...), 1), asked, noon, errForged},
		{"of another algorithm", rename("\x0bhmac-sha512\x00"), asked, noon, errForged},
		{"BADSIG", unsigned(badSig), asked, noon, errSecret},
		{"BADKEY", unsigned(badKey), asked, noon, errSecret},
		{"no MAC and no error", unsigned(0), asked, noon, errForged},
		{"BADTIME by anybody", unsigned(badTime), asked, noon, errForged},
		{"cut", good[:len(good)-1], asked, noon, errUnsound},
		{"more behind it", append(append([]byte{}, good...), 0), asked, noon, errUnsound},
		{"nothing", nil, asked, noon, errUnsound},
		{"signed twice", (&tsig{key: k.name, fudge: fudge}).appendTo(good), asked, noon, errUnsound},
	} {
		if err := k.verify(c.msg, c.asked, c.now); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	if err := other.verify(good, asked, noon); !errors.Is(err, errForged) {
		t.Errorf("by another name: %v", err)
	}
	short := signed(nil) // a MAC that was cut, which may be guessed (section 5.2.2.1)
	i := bytes.Index(short, k.sum(asked, answer(0), &tsig{key: k.name, at: uint64(noon.Unix()), fudge: fudge, id: 0x1234}))
	cut := slices.Delete(slices.Clone(short), i+16, i+32)
	binary.BigEndian.PutUint16(cut[i-2:], 16)
	start := i - 2 - 8 - len(hmacSHA256) - 2
	binary.BigEndian.PutUint16(cut[start:], binary.BigEndian.Uint16(cut[start:])-16)
	if err := k.verify(cut, asked, noon); !errors.Is(err, errForged) {
		t.Errorf("a cut MAC: %v", err)
	}
}

// TestJudge: nothing but a signed word of success is one, and what is not done is told as such.
func TestJudge(t *testing.T) {
	k := testKey(t, "cairn")
	u := &update{key: k, now: func() time.Time { return noon }}
	_, asked := k.sign(answer(0), noon)
	signed := func(msg []byte) []byte {
		s := &tsig{key: k.name, at: uint64(noon.Unix()), fudge: fudge, id: 0x1234}
		s.mac = k.sum(asked, msg, s)
		return s.appendTo(msg)
	}
	request := answer(0)
	request[2] = 0x28
	for _, c := range []struct {
		name, want string
		msg        []byte
		undone     bool
	}{
		{"success", "", signed(answer(0)), false},
		{"success by anybody", errUnsigned.Error(), answer(0), false},
		{"refused", "it refuses: the key may not change that", signed(answer(5)), true},
		{"refused by anybody", "it refuses: the key may not change that (which is not signed)", answer(5), false},
		{"another code", "it says no (8)", signed(answer(8)), true},
		{"a request", errUnsound.Error(), signed(request), false},
		{"of another ID", errUnsound.Error(), append([]byte{0, 0}, signed(answer(0))[2:]...), false},
		{"of a query", errUnsound.Error(), append([]byte{0x12, 0x34, 0x80}, signed(answer(0))[3:]...), false},
		{"cut", errUnsound.Error(), signed(answer(0))[:11], false},
	} {
		err := u.judge(c.msg, 0x1234, asked)
		if _, undone := errors.AsType[undone](err); undone != c.undone || (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%s: %v (nothing is changed: %t), want %q", c.name, err, undone, c.want)
		}
	}
}

// TestPointer: a key may be named by what stands before, and never by what leads nowhere.
func TestPointer(t *testing.T) {
	k := testKey(t, "example.org")
	_, asked := k.sign(answer(0), noon)
	s := &tsig{key: k.name, at: uint64(noon.Unix()), fudge: fudge, id: 0x1234}
	s.mac = k.sum(asked, answer(0), s)
	s.key = []byte{0xc0, headerSize}
	if err := k.verify(s.appendTo(answer(0)), asked, noon); err != nil {
		t.Error(err)
	}
	for _, key := range [][]byte{{0xc0, 29}, {0xc0, 0xff}, {0xff, 0xff}, {0xc0}, {0x40}, {0x80, 1}} {
		s.key = key
		if err := k.verify(s.appendTo(answer(0)), asked, noon); err == nil {
			t.Errorf("% x is taken", key)
		}
	}
}

// TestKey: what cannot be a key is none, and no error has its secret.
func TestKey(t *testing.T) {
	for _, c := range []struct{ name, secret, want string }{
		{"", secret, "is no name"}, {"a b", secret, "is no name"}, {"a..b", secret, "is no name"}, {strings.Repeat("a", 64), secret, "is no name"},
		{strings.Repeat("aaaaaaaaa.", 26), secret, "too long"}, {"cairn", "c2VjcmV0 no", "base64"}, {"cairn", "c2VjcmV0", "6 octets"}, {"cairn", "", "0 octets"},
	} {
		if _, err := NewKey(c.name, c.secret); err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%q: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := NewKey("cairn", secret+"\n"); err != nil {
		t.Error(err)
	}
}

// FuzzVerify: whatever a server sends, nothing but what the key has signed counts, and what is read
// of it is written as it was.
func FuzzVerify(f *testing.F) {
	k := testKey(f, "cairn")
	asked := bytes.Repeat([]byte{7}, 32)
	s := &tsig{key: k.name, at: uint64(noon.Unix()), fudge: fudge, id: 0x1234, mac: make([]byte, 32)}
	f.Add(s.appendTo(answer(0)))
	f.Add(answer(5))
	s.key = []byte{0xc0, headerSize}
	s.err, s.mac = badSig, nil
	f.Add(s.appendTo(answer(9)))
	f.Fuzz(func(t *testing.T, msg []byte) {
		if k.verify(msg, asked, noon) == nil {
			t.Error("it counts")
		}
		rest, s, err := split(msg)
		if err != nil || s == nil {
			return
		}
		again, same, err := split(s.appendTo(rest))
		if err != nil || !bytes.Equal(again, rest) || !bytes.Equal(same.mac, s.mac) || same.at != s.at || !bytes.Equal(same.other, s.other) {
			t.Errorf("%+v, %v, of %+v", same, err, s)
		}
	})
}
