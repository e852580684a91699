package record_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/mailstore/message"
)

func digest(b []byte) [32]byte { return sha256.Sum256(b) }

// recordVector shows each step from a message to its token. What version 1 does not have is left
// out of its vectors.
type recordVector struct {
	Version     uint8             `json:"version,omitempty"` // of record and token; none: 1
	Kind        uint8             `json:"kind,omitempty"`
	Message     string            `json:"message"`
	Recipients  []string          `json:"recipients"`
	Secret      string            `json:"secret"`
	Time        uint64            `json:"time_unix_ms"`
	Epoch       *uint64           `json:"epoch,omitempty"`
	Commitments []commitmentSteps `json:"commitments"`
	Root        consensus.Hash    `json:"commitments_root"`
	Tags        []tagSteps        `json:"tags,omitempty"` // in the order of the hints
	TagsHash    consensus.Hash    `json:"tags_hash,omitzero"`
	Leaf        consensus.Hash    `json:"leaf"`
	Number      uint16            `json:"leaf_number"`
	Count       uint16            `json:"leaf_count"`
	Path        []consensus.Hash  `json:"path"`
	MicroRoot   consensus.Hash    `json:"micro_root"`
	Token       string            `json:"token"`
	Header      string            `json:"header"`
}

type commitmentSteps struct {
	Type       uint8          `json:"type"`
	Index      uint16         `json:"index"`
	Reading    uint8          `json:"reading,omitempty"` // none in version 1
	Content    string         `json:"content"`
	Label      string         `json:"label,omitempty"`
	Salt       string         `json:"salt"`
	DigestV1   string         `json:"sha256_of_content,omitempty"`
	Digest     string         `json:"digest,omitempty"`
	Commitment consensus.Hash `json:"commitment"`
}

type tagSteps struct {
	Label string `json:"label"`
	Value string `json:"value"`
	Tag   string `json:"tag"`
}

// vectorOf shows how comps of the letter became tok.
func vectorOf(tok *record.Token, comps []message.Component, hints []message.Hint) recordVector {
	v := recordVector{
		Message: letter, Recipients: []string{"ann@b.example"}, Secret: hex.EncodeToString(tok.Secret[:]), Time: tok.Record.Time,
		Root: tok.Record.Root(), Leaf: tok.RecordID(), Number: tok.Leaf, Count: tok.Count, Path: tok.Path, MicroRoot: tok.MicroRoot().Root,
		Token: hex.EncodeToString(tok.Encode()), Header: string(tok.Header()),
	}
	for i, comp := range comps {
		salt, sum := record.Salt(tok.Version, tok.Secret, comp.Type, comp.Index), digestIn(tok.Version, comp)
		steps := commitmentSteps{
			Type: uint8(comp.Type), Index: comp.Index, Content: string(comp.Content()),
			Salt: hex.EncodeToString(salt[:]), Commitment: tok.Record.Commitments[i].C,
		}
		if tok.Version == 1 {
			steps.DigestV1 = hex.EncodeToString(sum[:])
		} else {
			steps.Reading, steps.Label, steps.Digest = uint8(comp.Reading), comp.Label, hex.EncodeToString(sum[:])
		}
		v.Commitments = append(v.Commitments, steps)
	}
	if tok.Version == 1 {
		return v
	}
	v.Version, v.Kind, v.Epoch, v.TagsHash = tok.Version, uint8(tok.Record.Kind), &tok.Record.Epoch, tok.Record.TagsHash()
	for _, h := range hints {
		tag := record.TagOf(tok.Secret, h.Label, h.Value)
		v.Tags = append(v.Tags, tagSteps{h.Label, string(h.Value), hex.EncodeToString(tag[:])})
	}
	return v
}

// TestRecordVectors holds commitments, tags, leaf and token to testdata/record.json. Vectors of
// version 1 start from the contents that stand there, since nothing makes these any more, and are
// never written anew.
func TestRecordVectors(t *testing.T) {
	const name = "testdata/record.json"
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var old []recordVector
	if err := json.Unmarshal(file, &old); err != nil {
		t.Fatal(err)
	}
	var made []recordVector
	for _, v := range old {
		if v.Version != 0 {
			continue
		}
		var comps []message.Component
		for _, c := range v.Commitments {
			comps = append(comps, message.NewComponent(message.Type(c.Type), c.Index, message.ReadingV1, []byte(c.Content)))
		}
		again := vectorOf(sealedV1(comps, int(v.Number), int(v.Count)), comps, nil)
		again.Message, again.Recipients = v.Message, v.Recipients
		if got, want := marshal(t, again), marshal(t, v); !bytes.Equal(got, want) {
			t.Fatalf("version 1 has changed, which it never may:\n%s\nwant\n%s", got, want)
		}
		made = append(made, again)
	}
	if len(made) != 2 {
		t.Fatalf("%d vectors of version 1", len(made))
	}
	for _, c := range []struct{ leaf, count int }{{0, 1}, {5, 7}} {
		comps := letterComponents("ann@b.example")
		made = append(made, vectorOf(sealed(comps, c.leaf, c.count), comps, letterHints))
	}
	got := append(marshal(t, made), '\n')
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		file = got
	}
	if !bytes.Equal(got, file) {
		t.Errorf("%s differs from what the code makes:\n%s", name, got)
	}
	for i, v := range made {
		b, err := hex.DecodeString(v.Token)
		if err != nil {
			t.Fatal(err)
		}
		if tok, err := record.DecodeToken(b); err != nil || !tok.VerifySignature() || tok.RecordID() != v.Leaf {
			t.Errorf("vector %d: %v, %v", i, tok, err)
		}
	}
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}
