package record_test

import (
	"encoding/binary"
	"fmt"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore/message"
)

// pictures is a message with attachments in base64; what is in them does not matter here.
func pictures(fold string, contents ...string) []byte {
	raw := "From: a@a.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n--o\r\nContent-Type: text/plain\r\n\r\nSee.\r\n"
	for i, c := range contents {
		raw += fmt.Sprintf("--o\r\nContent-Type: image/png; name=n%d\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA%s%s\r\n", i, fold, c)
	}
	return []byte(raw + "--o--\r\n")
}

func hashOf(bits uint64, index uint16) message.Component {
	return message.NewComponent(message.ImageHash, index, message.Canonical, binary.BigEndian.AppendUint64(nil, bits))
}

// TestNearHashes: of one bit or two that differ the picture looks alike, of three nothing can be
// said.
func TestNearHashes(t *testing.T) {
	const bits = 0x0123456789abcdef
	sent, arrived := message.Dissect(pictures("", "AAAA"), nil), message.Dissect(pictures("\r\n", "AAAB"), nil)
	for _, tt := range []struct {
		turned  uint64
		content string // of the received hash instead
		outcome record.Outcome
		kind    string
	}{
		{0, "", record.Same, ""},
		{1, "", record.Changed, record.LooksAlike},
		{1<<63 | 1, "", record.Changed, record.LooksAlike},
		{3 << 62, "", record.Changed, record.LooksAlike},
		{7, "", record.Changed, ""},
		{^uint64(0), "", record.Changed, ""},
		{0, "short", record.Changed, ""},
	} {
		secret := record.Secret{1}
		components := append(sent.Components(), hashOf(bits, 0))
		token := &record.Token{Version: record.TokenVersion, Secret: secret, Record: record.Record{
			Version: record.RecordVersion, Kind: record.KindMail, Commitments: record.Commit(secret, components),
		}}
		received := hashOf(bits^tt.turned, 0)
		if tt.content != "" {
			received = received.WithContent([]byte(tt.content))
		}
		asked := 0
		c := record.Compare(token, arrived, record.Context{Derive: func(_ *message.Dissection, kind message.Type) ([]message.Component, bool) {
			asked++
			return []message.Component{received}, kind == message.ImageHash
		}})
		var hash, file record.Part
		for _, p := range c.Parts {
			switch p.Type {
			case message.ImageHash:
				hash = p
			case message.Attachment:
				file = p
			}
		}
		if hash.Outcome != tt.outcome || hash.Kind != tt.kind || hash.Decides || asked != 1 {
			t.Errorf("%x: %+v, asked %d times; want %s %q", tt.turned, hash, asked, tt.outcome, tt.kind)
		}
		alike := ""
		if tt.outcome == record.Same || tt.kind == record.LooksAlike {
			alike = record.LooksAlike
		}
		if file.Kind != alike || !file.Decides || c.MayBeWanted() {
			t.Errorf("%x: the file is %+v, want %q", tt.turned, file, alike)
		}
	}
}

// TestHashesOfOthers: a picture that is still there, but not in the place of the file that changed,
// says nothing about that file.
func TestHashesOfOthers(t *testing.T) {
	sent := message.Dissect(pictures("", "AAAA", "BBBB"), nil)
	arrived := message.Dissect(pictures("\r\n", "CCCC", "DDDD"), nil)
	secret := record.Secret{1}
	token := &record.Token{Version: record.TokenVersion, Secret: secret, Record: record.Record{
		Version: record.RecordVersion, Kind: record.KindMail,
		Commitments: record.Commit(secret, append(sent.Components(), hashOf(0xff, 0), hashOf(0xff0000, 1))),
	}}
	c := record.Compare(token, arrived, record.Context{Derive: func(*message.Dissection, message.Type) ([]message.Component, bool) {
		return []message.Component{hashOf(0xff0000, 0), hashOf(0xff00, 1)}, true
	}})
	for _, p := range c.Parts {
		if p.Type == message.Attachment && (p.Kind != "" || p.Outcome != record.Changed) {
			t.Errorf("%s", p)
		}
		if p.Type == message.ImageHash && p.Index == 1 && p.Outcome != record.Same {
			t.Errorf("%s", p)
		}
	}
}

// TestManyHashes: a record made by somebody else may hold anything; no more is tried than of one's
// own, and a type that is not known here is none's loss.
func TestManyHashes(t *testing.T) {
	sent, arrived := message.Dissect(pictures("", "AAAA"), nil), message.Dissect(pictures("\r\n", "AAAA"), nil)
	components := sent.Components()
	for i := range 60 {
		components = append(components, hashOf(0xff, uint16(i)))
	}
	components = append(components, message.NewComponent(95, 0, message.Canonical, []byte("later")))
	secret := record.Secret{1}
	token := &record.Token{Version: record.TokenVersion, Secret: secret, Record: record.Record{
		Version: record.RecordVersion, Kind: record.KindMail, Commitments: record.Commit(secret, components),
	}}
	c := record.Compare(token, arrived, record.Context{Derive: func(_ *message.Dissection, kind message.Type) ([]message.Component, bool) {
		return []message.Component{hashOf(0xff00, 0)}, kind == message.ImageHash
	}})
	n := 0
	for _, p := range c.Parts {
		if p.Type == message.ImageHash {
			n++
		}
		if p.Type == 95 {
			t.Errorf("%s", p)
		}
	}
	if n != 3 || !c.AllSame() {
		t.Errorf("%d hashes were compared; %q", n, c.Differences())
	}
}

func BenchmarkNearHash(b *testing.B) {
	sent, arrived := message.Dissect(pictures("", "AAAA"), nil), message.Dissect(pictures("\r\n", "AAAB"), nil)
	secret := record.Secret{1}
	token := &record.Token{Version: record.TokenVersion, Secret: secret, Record: record.Record{
		Version: record.RecordVersion, Kind: record.KindMail, Commitments: record.Commit(secret, append(sent.Components(), hashOf(1, 0))),
	}}
	with := record.Context{Derive: func(*message.Dissection, message.Type) ([]message.Component, bool) {
		return []message.Component{hashOf(^uint64(0), 0)}, true
	}}
	for b.Loop() {
		record.Compare(token, arrived, with)
	}
}
