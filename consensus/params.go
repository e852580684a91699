package consensus

import (
	"encoding/binary"
	"time"
	"unicode/utf8"
)

// Admission says who may enrol in a network.
type Admission uint8

// The rules of admission.
const (
	AdmissionOpen     Admission = 1 // anyone enrols who pays the identity stamp
	AdmissionAttested Admission = 2 // whom members attest to as well; parameters version 2
)

// Limits on parameters.
const (
	MaxNetworkName   = 64                     // bytes of UTF-8
	MinBlockInterval = 100 * time.Millisecond // below it, propagation dominates
	MaxBlockInterval = time.Hour
	MaxStamp         = 64 // leading zero bits
)

// The versions of parameters. What a network's blocks, events and batches may be, and their
// version, goes with the version of its parameters.
const (
	ParamsV1 uint16 = 1
	ParamsV2 uint16 = 2 // organisations change, recorder keys have epochs, the state root covers all
)

// Rules of networks with parameters of version 2, in blocks.
const (
	DropGrace = 100 // after it was dropped, batches of a recorder key are still taken
	EpochGap  = 20  // between two epochs of one recorder key
)

// maxEntryNodes is how many nodes an entry of the member table may have with those that ended
// lately, so that nobody has many keys that still count.
const maxEntryNodes = 2 * MaxNodes

// Params are what a network fixes once and for all when it is made.
type Params struct {
	Version       uint16        // ParamsV1 or ParamsV2
	Name          string        // 1 to MaxNetworkName bytes of UTF-8
	BlockInterval time.Duration // T: aimed-at time between blocks, whole milliseconds
	GenesisTime   time.Time     // whole milliseconds; in UTC when decoded
	GenesisBits   uint32        // compact target at genesis, see TargetFromBits
	IdentityStamp uint8         // leading zero bits that an enrolment costs
	BatchStamp    uint8         // leading zero bits that a batch costs
	Admission     Admission
	Attesters     uint8    // members that have to attest; 0 where admission is open
	Nonce         [16]byte // random: two networks alike in all else differ here
}

// Append appends the encoding of p to b.
func (p *Params) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, p.Version)
	b = appendText(b, p.Name)
	b = binary.BigEndian.AppendUint32(b, uint32(p.BlockInterval.Milliseconds()))
	b = binary.BigEndian.AppendUint64(b, uint64(p.GenesisTime.UnixMilli()))
	b = binary.BigEndian.AppendUint32(b, p.GenesisBits)
	b = append(b, p.IdentityStamp, p.BatchStamp, byte(p.Admission))
	if p.Version >= ParamsV2 {
		b = append(b, p.Attesters)
	}
	b = append(b, p.Nonce[:]...)
	if p.Version >= ParamsV2 {
		b = append(b, 0) // further fields
	}
	return b
}

// Encode returns the encoding of p.
func (p *Params) Encode() []byte { return p.Append(nil) }

func (r *reader) params() (p Params) {
	p.Version = r.uint16()
	if r.err == nil {
		r.err = p.checkVersion()
	}
	p.Name = r.text()
	p.BlockInterval = time.Duration(r.uint32()) * time.Millisecond
	p.GenesisTime = time.UnixMilli(int64(r.uint64())).UTC()
	p.GenesisBits = r.uint32()
	p.IdentityStamp, p.BatchStamp = r.uint8(), r.uint8()
	p.Admission = Admission(r.uint8())
	if p.Version >= ParamsV2 {
		p.Attesters = r.uint8()
	}
	copy(p.Nonce[:], r.take(16))
	if p.Version >= ParamsV2 {
		if n := r.uint8(); n > 0 && r.err == nil {
			r.err = broken(RuleParams, "%d further fields, which this program does not know", n)
		}
	}
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

// RotationDelay is after how many blocks a new org key counts: a day's.
func (p *Params) RotationDelay() uint64 {
	return uint64((24*time.Hour + p.BlockInterval - 1) / p.BlockInterval)
}

// HasEpochs reports whether recorder keys have epochs: all batches and records of the network name
// one, or none does.
func (p *Params) HasEpochs() bool { return p.Version >= ParamsV2 }

func (p *Params) checkVersion() error {
	if p.Version != ParamsV1 && p.Version != ParamsV2 {
		return broken(RuleVersion, "parameters have version %d, this program knows %d and %d", p.Version, ParamsV1, ParamsV2)
	}
	return nil
}

// Check returns a *RuleError if no network may have these parameters.
func (p *Params) Check() error {
	if err := p.checkVersion(); err != nil {
		return err
	}
	switch {
	case p.Name == "" || len(p.Name) > MaxNetworkName || !printable(p.Name):
		return broken(RuleParams, "network name %q: 1 to %d bytes of UTF-8 without control characters expected", p.Name, MaxNetworkName)
	case p.BlockInterval < MinBlockInterval || p.BlockInterval > MaxBlockInterval || p.BlockInterval%time.Millisecond != 0:
		return broken(RuleParams, "block interval %v: whole milliseconds from %v to %v expected", p.BlockInterval, MinBlockInterval, MaxBlockInterval)
	case p.GenesisTime.UnixMilli() <= 0 || p.GenesisTime.Year() > 9999 || p.GenesisTime.Nanosecond()%int(time.Millisecond) != 0:
		return broken(RuleParams, "genesis time %v: whole milliseconds after 1970 expected", p.GenesisTime)
	case p.IdentityStamp > MaxStamp || p.BatchStamp > MaxStamp:
		return broken(RuleParams, "stamps of %d and %d bits: at most %d allowed", p.IdentityStamp, p.BatchStamp, MaxStamp)
	case p.Admission != AdmissionOpen && (p.Admission != AdmissionAttested || p.Version < ParamsV2):
		return broken(RuleParams, "admission rule %d: this program knows %d (open) and, in version 2, %d (attested)", p.Admission, AdmissionOpen, AdmissionAttested)
	case (p.Admission == AdmissionAttested) != (p.Attesters > 0):
		return broken(RuleParams, "%d attesters under admission rule %d", p.Attesters, p.Admission)
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
