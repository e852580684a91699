package record_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"cairn/consensus"
	"cairn/consensus/record"
)

func digest(b []byte) [32]byte { return sha256.Sum256(b) }

// recordVector shows each step from a message to its token.
type recordVector struct {
	Message     string            `json:"message"`
	Recipients  []string          `json:"recipients"`
	Secret      string            `json:"secret"`
	Time        uint64            `json:"time_unix_ms"`
	Commitments []commitmentSteps `json:"commitments"`
	Root        consensus.Hash    `json:"commitments_root"`
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
	Content    string         `json:"content"`
	Salt       string         `json:"salt"`
	Digest     string         `json:"sha256_of_content"`
	Commitment consensus.Hash `json:"commitment"`
}

// TestRecordVectors holds commitments, leaf and token to testdata/record.json.
func TestRecordVectors(t *testing.T) {
	var got []recordVector
	for _, c := range []struct{ leaf, count int }{{0, 1}, {5, 7}} {
		comps := letterComponents("ann@b.example")
		tok := sealed(comps, c.leaf, c.count)
		v := recordVector{
			Message: letter, Recipients: []string{"ann@b.example"}, Secret: hex.EncodeToString(tok.Secret[:]), Time: tok.Record.Time,
			Root: tok.Record.Root(), Leaf: tok.RecordID(), Number: tok.Leaf, Count: tok.Count, Path: tok.Path, MicroRoot: tok.MicroRoot().Root,
			Token: hex.EncodeToString(tok.Encode()), Header: string(tok.Header()),
		}
		for i, comp := range comps {
			salt, sum := record.Salt(tok.Secret, comp.Type, comp.Index), digest(comp.Content)
			v.Commitments = append(v.Commitments, commitmentSteps{uint8(comp.Type), comp.Index, string(comp.Content),
				hex.EncodeToString(salt[:]), hex.EncodeToString(sum[:]), tok.Record.Commitments[i].C})
		}
		got = append(got, v)
	}
	if *update {
		out, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("testdata/record.json", append(out, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile("testdata/record.json")
	if err != nil {
		t.Fatal(err)
	}
	var want []recordVector
	if err := json.Unmarshal(file, &want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}
