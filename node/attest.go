package node

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/consensus/fingerprint"
	"cairn/consensus/mempool"
	"cairn/consensus/verifier"
	"cairn/mailstore"
	"cairn/node/api"
)

// A node gives its word to so many events within a day; whoever means it can say so. A key that was
// stolen, or a script, shall not let everybody in.
const (
	attestDay  = 24 * time.Hour
	attestMost = 16
	// Of those who ask at one time, one may have looked at the clock before the other's word was
	// noted.
	attestAhead = time.Minute
)

func (n *Node) checkAttesting(s *consensus.State) error {
	if s.Params().Admission != consensus.AdmissionAttested {
		return api.Errorf(api.CodeNotAllowed, "cairn org show all", "attesting: nobody does in this network, whoever pays for an enrolment may join")
	}
	return nil
}

// Applications lists the events that wait for the word of members. The DNS is asked now.
func (n *Node) Applications(ctx context.Context) (*api.Applications, error) {
	s := n.chain.State()
	if err := n.checkAttesting(s); err != nil {
		return nil, err
	}
	var given []time.Time
	err := n.store.View(func(rd *mailstore.Reader) (err error) {
		given, err = attestedLately(rd, n.now())
		return err
	})
	if err != nil {
		return nil, err
	}
	list := &api.Applications{Left: max(0, attestMost-len(given))}
	for _, e := range n.applications.all(s) {
		list.Applications = append(list.Applications, *n.viewApplication(ctx, s, e))
	}
	return list, nil
}

func (n *Node) viewApplication(ctx context.Context, s *consensus.State, e *consensus.OrgEvent) *api.Application {
	key, domains := e.Claims()
	v := &api.Application{
		ID: e.ID().String(), Type: e.Type().String(), Key: key.String(), Fingerprint: fingerprint.Of(key), Needed: s.AttestersNeeded(e.Org()),
	}
	switch c := e.Content.(type) {
	case *consensus.Enrol:
		v.Name = c.Name
	case *consensus.Update:
		v.Name = c.Name
	}
	org, member := s.Org(e.Org())
	if !member { // what it would be
		org = &consensus.Org{ID: e.Org(), Key: key}
	}
	for _, d := range domains {
		claim := api.DomainClaim{Domain: d, DNS: string(n.trust.DNS(ctx, s, d, org))}
		if n.trust.Conflict(s, d, key) != nil {
			pin, _ := n.trust.PinOf(d)
			claim.PinnedTo = fingerprint.Of(pin.Key)
		}
		v.Claims = append(v.Claims, claim)
	}
	for _, a := range e.Attestations {
		v.Attested = append(v.Attested, orgName(s, a.Recorder))
		if org, ok := s.OrgByRecorder(a.Recorder); ok && org.ID == n.ownID() {
			v.Ours = true
		}
	}
	return v
}

// Attest gives this node's word for an event.
func (n *Node) Attest(ctx context.Context, r api.AttestRequest) (*api.Application, error) {
	s := n.chain.State()
	if err := n.checkAttesting(s); err != nil {
		return nil, err
	}
	e, err := n.application(s, r.ID)
	if err != nil {
		return nil, err
	}
	v := n.viewApplication(ctx, s, e)
	by, err := n.attestingKey(s)
	switch {
	case v.Ours:
		return v, nil
	case e.Org() == n.ownID():
		return nil, api.Errorf(api.CodeNotAllowed, "who has done so is shown by: cairn org attest ls", "attesting: the event is our own, others have to")
	case err != nil:
		return nil, err
	}
	if err := n.noteAttested(ctx, n.now(), func(given int) error { return mayAttest(v, given, r.Yes) }); err != nil {
		return nil, err
	}
	merged := *e
	merged.Attestations = append(slices.Clone(e.Attestations), consensus.Attest(e, by))
	if err := n.applications.add(s, &merged, n.now()); err != nil && !errors.Is(err, mempool.ErrKnown) {
		return nil, eventRefused(&merged, err)
	}
	for _, x := range n.applications.all(s) {
		if x.ID() == e.ID() {
			n.host.PublishEvent(x)
			v = n.viewApplication(ctx, s, x)
		}
	}
	n.log.Info("this node attests to an event", "type", e.Type(), "event", e.ID(), "name", v.Name)
	return v, nil
}

// attestingKey is the recorder key that gives this node's word: that which the chain has as its
// own, also before it has taken its place.
func (n *Node) attestingKey(s *consensus.State) (ed25519.PrivateKey, error) {
	key := n.miningKey(s)
	if !s.Mines(consensus.PublicKey(key)) {
		return nil, api.Errorf(api.CodeNotAllowed, "cairn status", "attesting: this node's recorder key is of no member now")
	}
	return key, nil
}

// mayAttest refuses what somebody has to mean.
func mayAttest(v *api.Application, given int, yes bool) error {
	for _, c := range v.Claims {
		switch {
		case c.PinnedTo != "":
			return api.Errorf(api.CodeNotAllowed, "cairn org untrust "+c.Domain+", if another organisation has the domain now",
				"attesting: this node trusts another organisation for %s, with the fingerprint %q", c.Domain, c.PinnedTo)
		case !yes && c.DNS != string(verifier.Names):
			return api.Errorf(api.CodeNotAllowed, "call them, compare the words "+fmt.Sprintf("%q", v.Fingerprint)+", then: cairn org attest "+v.ID+" --yes",
				"attesting: the DNS of %s does not name the key of %q", c.Domain, v.Name)
		}
	}
	if given >= attestMost && !yes {
		return api.Errorf(api.CodeNotAllowed, "cairn org attest "+v.ID+" --yes", "attesting: this node has given its word %d times within a day", given)
	}
	return nil
}

// application finds one by the first digits of its ID.
func (n *Node) application(s *consensus.State, id string) (found *consensus.OrgEvent, err error) {
	for _, e := range n.applications.all(s) {
		if id == "" || !strings.HasPrefix(e.ID().String(), strings.ToLower(id)) {
			continue
		}
		if found != nil {
			return nil, api.Errorf(api.CodeInvalid, "cairn org attest ls", "attesting: several events begin with %s", id)
		}
		found = e
	}
	if found == nil {
		return nil, api.Errorf(api.CodeNotFound, "cairn org attest ls", "attesting: no event %q waits for the word of members here", id)
	}
	return found, nil
}

// attestedLately is when this node gave its word within a day before now. What is still to come was
// noted before the clock was set back, and would count until then.
func attestedLately(rd *mailstore.Reader, now time.Time) (times []time.Time, err error) {
	b, err := rd.Space(orgSpace).Get([]byte(attestedKey))
	if errors.Is(err, mailstore.ErrNotFound) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &times)
	}
	return slices.DeleteFunc(times, func(t time.Time) bool { return now.Sub(t) > attestDay || t.Sub(now) > attestAhead }), err
}

// noteAttested notes that this node gives its word now, if it may after having done so that often
// within a day.
func (n *Node) noteAttested(ctx context.Context, now time.Time, may func(given int) error) error {
	return n.store.Update(ctx, func(tx *mailstore.Tx) error {
		given, err := attestedLately(&tx.Reader, now)
		if err != nil {
			return err
		}
		if err := may(len(given)); err != nil {
			return err
		}
		b, err := json.Marshal(append(given, now))
		if err != nil {
			return err
		}
		return tx.Space(orgSpace).Put([]byte(attestedKey), b)
	})
}

// attestNote says how far the word of members for an event is; empty if it waits for none.
func (n *Node) attestNote(s *consensus.State, id consensus.Hash) string {
	for _, e := range n.applications.all(s) {
		if e.ID() == id {
			return fmt.Sprintf("the word of %s, %d given; on their nodes: cairn org attest %.8s", plural(s.AttestersNeeded(e.Org()), "member"), len(e.Attestations), id)
		}
	}
	return ""
}

// ownApplications are the updates of our organisation that wait for the word of members.
func (n *Node) ownApplications(s *consensus.State) (list []*consensus.OrgEvent) {
	for _, e := range n.applications.all(s) {
		if e.Type() != consensus.EventEnrol && e.Org() == n.ownID() {
			list = append(list, e)
		}
	}
	return list
}
