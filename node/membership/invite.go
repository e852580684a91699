package membership

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"cairn/consensus"
)

// Invite is what another organisation needs to join a network: the network
// itself, where to find a node of it, and who invites.
type Invite struct {
	Genesis   *consensus.Genesis
	Addresses []string      // multiaddrs with /p2p/<peer id>, 1 to 16
	OrgKey    consensus.Key // of the inviter
	Domains   []string      // of the inviter, 1 to 16, canonical
}

// Limits of an invite.
const (
	invitePrefix    = "cairn1:"
	maxInvite       = 16 << 10 // bytes before base64
	MaxAddresses    = 16       // of an invite or an admission
	maxAddress      = 255
	inviteChecksum  = 8
	invitePurpose   = "cairn/1 invite"
	minInviteLength = inviteChecksum + 4
)

// EncodeInvite gives the string "cairn1:" followed by base64url of
//
//	u32 length, genesis | org key 32 |
//	u8 count, (u8 length, address)... | u8 count, (u8 length, domain)... |
//	first 8 bytes of SHA-256("cairn/1 invite" || all before)
//
// It returns an error when DecodeInvite would not take it.
func EncodeInvite(i *Invite) (string, error) {
	if err := i.Check(); err != nil {
		return "", fmt.Errorf("making an invite: %w", err)
	}
	genesis := i.Genesis.Encode()
	b := binary.BigEndian.AppendUint32(nil, uint32(len(genesis)))
	b = append(b, genesis...)
	b = append(b, i.OrgKey[:]...)
	for _, list := range [][]string{i.Addresses, i.Domains} {
		b = append(b, byte(len(list)))
		for _, s := range list {
			b = append(b, byte(len(s)))
			b = append(b, s...)
		}
	}
	if n := len(b) + inviteChecksum; n > maxInvite {
		return "", fmt.Errorf("making an invite: %d bytes are over the limit of %d", n, maxInvite)
	}
	return armour(invitePrefix, invitePurpose, b), nil
}

// DecodeInvite reads an invite, strictly: there is one string for each invite.
// White space around it and line breaks within, as mail adds them, are ignored.
func DecodeInvite(s string) (*Invite, error) {
	i, err := decodeInvite(s)
	if err != nil {
		return nil, fmt.Errorf("reading the invite: %w", err)
	}
	return i, nil
}

func decodeInvite(s string) (*Invite, error) {
	body, err := unarmour(invitePrefix, invitePurpose, s)
	if err != nil {
		return nil, err
	}
	r := inviteReader{b: body}
	genesis := r.long()
	i := new(Invite)
	copy(i.OrgKey[:], r.take(len(i.OrgKey)))
	i.Addresses = r.list()
	i.Domains = r.list()
	if r.short || len(r.b) > 0 {
		return nil, errors.New("its parts do not fit its length")
	}
	if i.Genesis, err = consensus.DecodeGenesis(genesis); err != nil {
		return nil, fmt.Errorf("its network: %w", err)
	}
	return i, i.Check()
}

// Check refuses what EncodeInvite makes no string of and DecodeInvite takes none of: too few or too
// many addresses or domains, an address that does not end in /p2p/<peer id>, a domain that is not
// canonical or there twice. Genesis is not looked at.
func (i *Invite) Check() error {
	if err := checkAddresses(i.Addresses); err != nil {
		return err
	}
	if len(i.Domains) == 0 || len(i.Domains) > consensus.MaxDomains {
		return fmt.Errorf("%d domains, 1 to %d are needed", len(i.Domains), consensus.MaxDomains)
	}
	for n, d := range i.Domains {
		if a, err := CanonicalDomain(d); err != nil || a != d || slices.Contains(i.Domains[:n], d) {
			return fmt.Errorf("%q is not a mail domain in canonical form, or is there twice", d)
		}
	}
	return nil
}

func checkAddresses(list []string) error {
	if len(list) == 0 || len(list) > MaxAddresses {
		return fmt.Errorf("%d addresses, 1 to %d are needed", len(list), MaxAddresses)
	}
	for _, a := range list {
		if len(a) > maxAddress {
			return fmt.Errorf("an address of %d bytes", len(a))
		}
		if err := CheckPeerAddress(a); err != nil {
			return err
		}
	}
	return nil
}

// inviteReader takes fields off the front; short once there was too little.
type inviteReader struct {
	b     []byte
	short bool
}

func (r *inviteReader) take(n int) []byte {
	if r.short = r.short || n < 0 || n > len(r.b); r.short {
		return nil
	}
	head := r.b[:n]
	r.b = r.b[n:]
	return head
}

func (r *inviteReader) uint8() int {
	b := r.take(1)
	if r.short {
		return 0
	}
	return int(b[0])
}

// long is what has its length before it, as a u32.
func (r *inviteReader) long() []byte {
	size := r.take(4)
	if r.short {
		return nil
	}
	return r.take(int(binary.BigEndian.Uint32(size)))
}

func (r *inviteReader) list() []string {
	list := []string{}
	for range r.uint8() {
		list = append(list, string(r.take(r.uint8())))
	}
	return list
}
