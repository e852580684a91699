package consensus

import (
	"encoding/binary"
	"time"
	"unicode/utf8"
)

// Admission says who may enrol in a network.
type Admission uint8

// AdmissionOpen lets anyone enrol who pays the identity stamp.
const AdmissionOpen Admission = 1

// Limits on parameters.
const (
	MaxNetworkName   = 64                     // bytes of UTF-8
	MinBlockInterval = 100 * time.Millisecond // below it, propagation dominates
	MaxBlockInterval = time.Hour
	MaxStamp         = 64 // leading zero bits
)

// ParamsVersion is the version of the encoding of Params.
const ParamsVersion uint16 = 1

// Params are what a network fixes once and for all when it is made.
type Params struct {
	Name          string        // 1 to MaxNetworkName bytes of UTF-8
	BlockInterval time.Duration // T: aimed-at time between blocks, whole milliseconds
	GenesisTime   time.Time     // whole milliseconds; in UTC when decoded
	GenesisBits   uint32        // compact target at genesis, see TargetFromBits
	IdentityStamp uint8         // leading zero bits that an enrolment costs
	BatchStamp    uint8         // leading zero bits that a batch costs
	Admission     Admission
	Nonce         [16]byte // random: two networks alike in all else differ here
}

// Append appends the encoding of p to b.
func (p *Params) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, ParamsVersion)
	b = appendText(b, p.Name)
	b = binary.BigEndian.AppendUint32(b, uint32(p.BlockInterval.Milliseconds()))
	b = binary.BigEndian.AppendUint64(b, uint64(p.GenesisTime.UnixMilli()))
	b = binary.BigEndian.AppendUint32(b, p.GenesisBits)
	b = append(b, p.IdentityStamp, p.BatchStamp, byte(p.Admission))
	return append(b, p.Nonce[:]...)
}

// Encode returns the encoding of p.
func (p *Params) Encode() []byte { return p.Append(nil) }

func (r *reader) params() (p Params) {
	if v := r.uint16(); r.err == nil && v != ParamsVersion {
		r.err = broken(RuleVersion, "parameters have version %d, this program knows %d", v, ParamsVersion)
	}
	p.Name = r.text()
	p.BlockInterval = time.Duration(r.uint32()) * time.Millisecond
	p.GenesisTime = time.UnixMilli(int64(r.uint64())).UTC()
	p.GenesisBits = r.uint32()
	p.IdentityStamp, p.BatchStamp = r.uint8(), r.uint8()
	p.Admission = Admission(r.uint8())
	copy(p.Nonce[:], r.take(16))
	return p
}

// Hash returns SHA-256d("cairn/1 params" || encoding). The genesis header has
// it as Prev.
func (p *Params) Hash() Hash { return doubleHash(p.Append([]byte("cairn/1 params"))) }

// ChainID returns the first four bytes of the hash of p.
func (p *Params) ChainID() ChainID {
	h := p.Hash()
	return ChainID(binary.BigEndian.Uint32(h[:4]))
}

// ClockSlack is how far block times may run ahead of the wall clock, and batch
// times ahead of their block: max(2 s, T/2).
func (p *Params) ClockSlack() time.Duration { return max(2*time.Second, p.BlockInterval/2) }

// Check returns a *RuleError if no network may have these parameters.
func (p *Params) Check() error {
	switch {
	case p.Name == "" || len(p.Name) > MaxNetworkName || !printable(p.Name):
		return broken(RuleParams, "network name %q: 1 to %d bytes of UTF-8 without control characters expected", p.Name, MaxNetworkName)
	case p.BlockInterval < MinBlockInterval || p.BlockInterval > MaxBlockInterval || p.BlockInterval%time.Millisecond != 0:
		return broken(RuleParams, "block interval %v: whole milliseconds from %v to %v expected", p.BlockInterval, MinBlockInterval, MaxBlockInterval)
	case p.GenesisTime.UnixMilli() <= 0 || p.GenesisTime.Year() > 9999 || p.GenesisTime.Nanosecond()%int(time.Millisecond) != 0:
		return broken(RuleParams, "genesis time %v: whole milliseconds after 1970 expected", p.GenesisTime)
	case p.IdentityStamp > MaxStamp || p.BatchStamp > MaxStamp:
		return broken(RuleParams, "stamps of %d and %d bits: at most %d allowed", p.IdentityStamp, p.BatchStamp, MaxStamp)
	case p.Admission != AdmissionOpen:
		return broken(RuleParams, "admission rule %d: this program knows only %d (open)", p.Admission, AdmissionOpen)
	}
	if _, ok := TargetFromBits(p.GenesisBits); !ok {
		return broken(RuleParams, "genesis bits %08x: no canonical target, or easier than %08x", p.GenesisBits, MaxBits)
	}
	return nil
}

// printable reports whether s is UTF-8 without C0 and C1 control characters.
// These ranges are fixed, whatever version of Unicode a node was built with.
func printable(s string) bool {
	for _, c := range s {
		if c < 0x20 || c >= 0x7f && c < 0xa0 {
			return false
		}
	}
	return utf8.ValidString(s)
}
