package membership

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"cairn/consensus"
)

// NodeRequest is what a new machine asks an organisation for: to be a node of it. Both keys prove
// that they agree.
type NodeRequest struct {
	ChainID consensus.ChainID
	OrgKey  consensus.Key
	Keys    consensus.NodeKeys
}

// Admission is what a machine needs that an organisation has taken in as a node: which one that is,
// the network, where to find a node of it, and the organisation's enrolment.
type Admission struct {
	Node      consensus.Key // of the machine; zero in those of version 1, which do not say it
	Genesis   *consensus.Genesis
	Enrol     *consensus.OrgEvent
	Addresses []string // as in Invite
}

const (
	requestPrefix  = "cairn-node1:"
	requestPurpose = "cairn/1 node request"

	// What is between both is the version: 1 without the node key, 2 with it.
	anyAdmission      = "cairn-admission"
	admission1Prefix  = anyAdmission + "1:"
	admission1Purpose = "cairn/1 admission"
	admissionPrefix   = anyAdmission + "2:"
	admissionPurpose  = "cairn/2 admission"
)

// Encode gives the string "cairn-node1:" followed by base64url of
//
//	chain id u32 | org key 32 | node key 32 | recorder key 32 | their proofs 64 each |
//	first 8 bytes of SHA-256("cairn/1 node request" || all before)
func (r *NodeRequest) Encode() string {
	b := binary.BigEndian.AppendUint32(nil, uint32(r.ChainID))
	b = append(b, r.OrgKey[:]...)
	return armour(requestPrefix, requestPurpose, r.Keys.Append(b))
}

// DecodeNodeRequest reads a request, strictly but for white space. Whether its proofs are right it
// does not say.
func DecodeNodeRequest(s string) (*NodeRequest, error) {
	b, err := unarmour(requestPrefix, requestPurpose, s)
	if err == nil && len(b) != 4+3*32+2*64 {
		err = errors.New("it has not the length of one")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the node's request: %w", err)
	}
	r := &NodeRequest{ChainID: consensus.ChainID(binary.BigEndian.Uint32(b))}
	rest := b[4:]
	for _, field := range [][]byte{r.OrgKey[:], r.Keys.Node[:], r.Keys.Recorder[:], r.Keys.Possession[:], r.Keys.NodePossession[:]} {
		rest = rest[copy(field, rest):]
	}
	return r, nil
}

// EncodeAdmission gives the string "cairn-admission2:" followed by base64url of
//
//	node key 32 | u32 length, genesis | u32 length, enrol event | u8 count, (u8 length, address)... |
//	first 8 bytes of SHA-256("cairn/2 admission" || all before)
//
// and of one without a node key what version 1 had: the same without it, behind "cairn-admission1:"
// and with "cairn/1 admission". The error is that of Check, or says that it is too long.
func EncodeAdmission(a *Admission) (string, error) {
	if err := a.Check(); err != nil {
		return "", fmt.Errorf("making the admission: %w", err)
	}
	prefix, purpose := admissionPrefix, admissionPurpose
	b := bytes.Clone(a.Node[:])
	if a.Node.IsZero() {
		prefix, purpose, b = admission1Prefix, admission1Purpose, nil
	}
	for _, part := range [][]byte{a.Genesis.Encode(), a.Enrol.Encode()} {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(part))), part...)
	}
	b = append(b, byte(len(a.Addresses)))
	for _, s := range a.Addresses {
		b = append(append(b, byte(len(s))), s...)
	}
	if n := len(b) + inviteChecksum; n > maxInvite {
		return "", fmt.Errorf("making the admission: %d bytes are over the limit of %d", n, maxInvite)
	}
	return armour(prefix, purpose, b), nil
}

// DecodeAdmission reads an admission, strictly but for white space. The error says what is wrong
// with it; of a later version it says that.
func DecodeAdmission(s string) (*Admission, error) {
	a, err := decodeAdmission(s)
	if err != nil {
		return nil, fmt.Errorf("reading the admission: %w", err)
	}
	return a, nil
}

func decodeAdmission(s string) (*Admission, error) {
	prefix, purpose, a := admissionPrefix, admissionPurpose, new(Admission)
	switch trimmed := strings.Join(strings.Fields(s), ""); {
	case strings.HasPrefix(trimmed, admission1Prefix):
		prefix, purpose = admission1Prefix, admission1Purpose
	case strings.HasPrefix(trimmed, anyAdmission) && !strings.HasPrefix(trimmed, admissionPrefix):
		return nil, errors.New("it is of a version that this cairn does not know: use the one of the node that made it")
	}
	b, err := unarmour(prefix, purpose, s)
	if err != nil {
		return nil, err
	}
	r := inviteReader{b: b}
	if prefix == admissionPrefix {
		copy(a.Node[:], r.take(len(a.Node)))
		if a.Node.IsZero() {
			return nil, errors.New("it names no node")
		}
	}
	genesis, event := r.long(), r.long()
	a.Addresses = r.list()
	if r.short || len(r.b) > 0 {
		return nil, errors.New("its parts do not fit its length")
	}
	if a.Genesis, err = consensus.DecodeGenesis(genesis); err != nil {
		return nil, fmt.Errorf("its network: %w", err)
	}
	if a.Enrol, err = consensus.DecodeEvent(event); err != nil {
		return nil, fmt.Errorf("its enrolment: %w", err)
	}
	return a, a.Check()
}

// Check refuses what EncodeAdmission makes no string of: an enrolment that is none or breaks a rule
// of the network, and addresses as (*Invite).Check.
func (a *Admission) Check() error {
	p := &a.Genesis.Params
	if a.Enrol.Enrol() == nil {
		return errors.New("it holds no enrolment")
	}
	if err := consensus.CheckEvent(p, p.ChainID(), a.Enrol); err != nil {
		return fmt.Errorf("its enrolment: %w", err)
	}
	return checkAddresses(a.Addresses)
}
