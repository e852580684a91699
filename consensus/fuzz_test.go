package consensus

import (
	"bytes"
	"testing"
)

// fuzzCodec checks a decoder of foreign bytes: it never panics, and what it
// accepts is the one encoding of the value it returns.
func fuzzCodec[T any](f *testing.F, decode func([]byte) (T, error), encode func(T) []byte, seeds ...[]byte) {
	f.Helper()
	for _, seed := range seeds {
		v, err := decode(seed)
		if err != nil {
			f.Fatalf("seed %x: %v", seed, err)
		}
		if !bytes.Equal(encode(v), seed) {
			f.Fatalf("seed %x comes back as %x", seed, encode(v))
		}
		f.Add(seed)
		f.Add(seed[:len(seed)/2])
		f.Add(append(seed[:len(seed):len(seed)], 0))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decode(b)
		if err != nil {
			if ruleOf(err) == err.Error() {
				t.Fatalf("%v is no RuleError", err)
			}
			return
		}
		if again := encode(v); !bytes.Equal(again, b) {
			t.Fatalf("%x comes back as %x", b, again)
		}
	})
}

// fuzzBlock returns a block with an event and batches, and the state before it.
func fuzzBlock(tb testing.TB) (*ruleFixture, *Block) {
	f := newRuleFixture(tb)
	events, batches := f.body()
	return f, solve(draft(f.state, f.alpha, events, batches), f.alpha)
}

func FuzzDecodeHeader(f *testing.F) {
	_, b := fuzzBlock(f)
	fuzzCodec(f, DecodeHeader, (*Header).Encode, b.Header.Header.Encode())
}

func FuzzDecodeSignedHeader(f *testing.F) {
	_, b := fuzzBlock(f)
	fuzzCodec(f, DecodeSignedHeader, (*SignedHeader).Encode, b.Header.Encode())
}

func FuzzDecodeBatch(f *testing.F) {
	_, b := fuzzBlock(f)
	fuzzCodec(f, DecodeBatch, (*Batch).Encode, b.Batches[0].Encode(), b.Batches[1].Encode())
}

func FuzzDecodeEvent(f *testing.F) {
	_, b := fuzzBlock(f)
	fuzzCodec(f, DecodeEvent, (*OrgEvent).Encode, b.Events[0].Encode())
}

func FuzzDecodeBlock(f *testing.F) {
	fixture, b := fuzzBlock(f)
	empty := solve(draft(fixture.state, fixture.alpha, nil, nil), fixture.alpha)
	fuzzCodec(f, DecodeBlock, (*Block).Encode, b.Encode(), empty.Encode())
}

func FuzzDecodeGenesis(f *testing.F) {
	g, _ := testGenesis(f)
	fuzzCodec(f, DecodeGenesis, (*Genesis).Encode, g.Encode())
}

func FuzzDecodeOrg(f *testing.F) {
	fixture, _ := fuzzBlock(f)
	decode := func(b []byte) (*Org, error) { return DecodeOrg(fixture.state.Network(), b) }
	fuzzCodec(f, decode, (*Org).Encode, fixture.state.Orgs()[0].Encode())
}

func FuzzDecodePast(f *testing.F) {
	w := newChanging(f)
	decode := func(b []byte) (*Past, error) { return DecodePast(w.state.Network(), b) }
	past := w.state.Past()
	fuzzCodec(f, decode, (*Past).Encode, past[0].Encode(), past[len(past)-1].Encode())
}

func FuzzDecodeEventV2(f *testing.F) {
	var seeds [][]byte
	for _, e := range newChanging(f).events {
		seeds = append(seeds, e.Encode())
	}
	fuzzCodec(f, DecodeEvent, (*OrgEvent).Encode, seeds...)
}

func FuzzDecodeHeaderState(f *testing.F) {
	fixture, _ := fuzzBlock(f)
	decode := func(b []byte) (*HeaderState, error) { return DecodeHeaderState(fixture.state.Network(), b) }
	fuzzCodec(f, decode, (*HeaderState).Encode, fixture.state.HeaderState().Encode())
}

func FuzzDecodeUndo(f *testing.F) {
	fixture, b := fuzzBlock(f)
	_, undo := ApplyBlock(fixture.state, b)
	decode := func(b []byte) (*Undo, error) { return DecodeUndo(fixture.state.Network(), b) }
	fuzzCodec(f, decode, (*Undo).Encode, undo.Encode())
}

func FuzzDecodeBatchTip(f *testing.F) {
	encode := func(t BatchTip) []byte { return t.Append(nil) }
	decode := func(b []byte) (BatchTip, error) {
		version := ParamsV1
		if len(b) > BatchTipSize {
			version = ParamsV2
		}
		return DecodeBatchTip(&Network{params: Params{Version: version}}, b)
	}
	fuzzCodec(f, decode, encode, encode(BatchTip{Seq: 1, ID: Hash{2}, Time: 3, Height: 4}), encode(BatchTip{Seq: 1, ID: Hash{2}, Time: 3, Height: 4, Opened: 4, Number: 1}))
}

// FuzzValidateBlock lets changed bytes through to the rules: whatever they
// are, the answer is an error or the block itself.
func FuzzValidateBlock(f *testing.F) {
	fixture, b := fuzzBlock(f)
	encoded := b.Encode()
	f.Add(0, byte(0))
	f.Add(SignedHeaderSize, byte(1))
	f.Fuzz(func(t *testing.T, at int, flip byte) {
		changed := bytes.Clone(encoded)
		changed[uint(at)%uint(len(changed))] ^= flip
		decoded, err := DecodeBlock(changed)
		if err != nil {
			return
		}
		err = ValidateBlock(fixture.state, decoded)
		if (err == nil) != (flip == 0) {
			t.Fatalf("byte %d changed by %#x: %v", at, flip, err)
		}
		if err := partsDisagree(fixture.state, decoded, err); err != nil {
			t.Fatalf("byte %d changed by %#x: %v", at, flip, err)
		}
	})
}

func FuzzDecodeHeadline(f *testing.F) {
	_, b := fuzzBlock(f)
	fuzzCodec(f, DecodeHeadline, (*Headline).Encode, b.Headline().Encode())
}

// DecodeHeader decodes exactly HeaderSize bytes.
func DecodeHeader(b []byte) (*Header, error) {
	r := reader{what: "header", buf: b}
	h := r.header()
	if err := r.end(); err != nil {
		return nil, err
	}
	return &h, nil
}
