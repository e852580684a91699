package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/membership"
)

// keepOrg brings our organisation's events to the network until they are in blocks, proposes what
// was changed in the configuration, and tells of key changes.
func (n *Node) keepOrg(ctx context.Context) error {
	if n.genesis.Params.Version < consensus.ParamsV2 {
		return nil
	}
	wake, cancel := n.chain.Subscribe()
	defer cancel()
	again := time.NewTicker(5 * n.genesis.Params.BlockInterval)
	defer again.Stop()
	configured := false
	var trouble said
	for {
		s := n.chain.State()
		var err error
		if !configured {
			configured, err = n.proposeConfigured(ctx, s)
		} else {
			err = n.reconcileConfigured(ctx, s)
		}
		err = errors.Join(err, n.noteOwn(ctx, s), n.bringProposed(ctx, s), n.bringRecorder(ctx, s), n.noticeChanges(ctx, s), n.bringAttested(s), n.followOrgKey(s))
		if trouble.news(err) && ctx.Err() == nil {
			n.log.Warn("looking after the organisation", "err", err)
		}
		n.dropOldKeys(s)
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-n.applications.ready:
		case <-again.C:
		}
	}
}

// proposeConfigured proposes an update if the organisation is another one in the configuration than
// when the node was last started; done if there is nothing left to do about that until the next
// start. What was changed by cairn org update stays, whatever the configuration says. Of two copies
// of a node neither proposes what stands in its directory alone.
func (n *Node) proposeConfigured(ctx context.Context, s *consensus.State) (done bool, err error) {
	if _, member := s.Org(n.ownID()); !member || n.viewIsOld(s) || n.copies.silent() != "" {
		return false, nil
	}
	now, err := profileOf(&n.cfg.Organisation)
	if err != nil {
		n.refuseConfigured(err)
		return true, nil
	}
	before, err := n.configuredBefore(now)
	if err != nil {
		return false, fmt.Errorf("look up what the organisation was configured as: %w", err)
	}
	if membership.SameProfile(now, before) {
		return n.noteConfigured(ctx, now)
	}
	keys, err := LoadOrgKeys(n.dir)
	if err != nil {
		n.refuseConfigured(err)
		return true, nil
	}
	if len(keys) == 0 {
		n.refuseConfigured(api.Errorf(api.CodeNotFound, updateByHand(before, now), "signing for the organisation: its key is not here as %s", home.OrgKey))
		return true, nil
	}
	st, err := n.standing()
	if err != nil {
		return false, nil // it is no member
	}
	u := membership.Edited(st.Profile(), before, now)
	if membership.SameProfile(u, st.Profile()) {
		return n.noteConfigured(ctx, now)
	}
	e, err := st.Update(ctx, keys, u, nil)
	if err == nil {
		var v *api.OrgEvent
		if v, err = n.propose(ctx, api.EventRequest{Event: e.Encode()}); err == nil {
			n.log.Info("the organisation was changed in "+ConfigFile+": an update was brought to the network", "event", v.ID, "name", u.Name, "domains", u.Domains)
			for _, d := range v.Unaddressed {
				n.log.Info("accounts have no address at a domain that comes", "domain", d.Domain, "accounts", d.Accounts,
					"try", n.typable("cairn account address add ACCOUNT ADDRESS"))
			}
			return n.noteConfigured(ctx, now)
		}
	}
	switch code := api.AsError(err).Code; {
	case ctx.Err() != nil || code == api.CodeTryLater:
		return false, nil
	case code == api.CodeInternal: // it may have been proposed
		return false, fmt.Errorf("propose what the organisation is configured as: %w", err)
	}
	n.refuseConfigured(err)
	return true, nil
}

// reconcileConfigured takes back what was said of the configuration once the organisation is on the
// chain as was edited there, as after cairn org update.
func (n *Node) reconcileConfigured(ctx context.Context, s *consensus.State) error {
	if n.configProblem.Load() == nil {
		return nil
	}
	org, member := s.Org(n.ownID())
	now, err := profileOf(&n.cfg.Organisation)
	if err != nil || !member {
		return nil
	}
	before, err := n.configuredBefore(now)
	if err != nil {
		return fmt.Errorf("look up what the organisation was configured as: %w", err)
	}
	if !membership.SameProfile(membership.Edited(membership.ProfileOf(org), before, now), membership.ProfileOf(org)) {
		return nil
	}
	if _, err := n.noteConfigured(ctx, now); err != nil {
		return err
	}
	n.configProblem.Store(nil)
	n.log.Info("the organisation is what " + ConfigFile + " says")
	return nil
}

// updateByHand is the command that does what was edited, once the key is there.
func updateByHand(before, now *consensus.Update) string {
	hint := " there, then: cairn org update"
	return "put " + home.OrgKey + hint + updateFlags(before, now)
}

// refuseConfigured says that what the configuration says of the organisation stays without effect.
func (n *Node) refuseConfigured(err error) {
	n.configProblem.Store(api.Errorf(api.CodeInvalid, api.AsError(err).Hint, "[organisation] in %s was changed, and no update was proposed: %v", ConfigFile, err))
	n.log.Warn("the organisation was changed in "+ConfigFile+", and no update was proposed", "err", err, "try", n.typable(api.AsError(err).Hint))
}

// profileOf is what the configuration says of the organisation.
func profileOf(o *OrganisationConfig) (*consensus.Update, error) {
	u := &consensus.Update{Name: o.Name, Domains: slices.Sorted(slices.Values(o.Domains)), ThresholdFloor: uint8(o.ThresholdFloor)}
	return u, u.Records.UnmarshalText([]byte(o.Records))
}

// configuredBefore is what the configuration said when it was last looked at. At first that is what
// this node enrolled as; a node that was added has enrolled nothing.
func (n *Node) configuredBefore(now *consensus.Update) (*consensus.Update, error) {
	before := new(consensus.Update)
	err := n.store.View(func(rd *mailstore.Reader) error {
		b, err := rd.Space(orgSpace).Get([]byte(configuredKey))
		if err != nil {
			return err
		}
		return json.Unmarshal(b, before)
	})
	switch {
	case err == nil:
		return before, nil
	case !errors.Is(err, mailstore.ErrNotFound):
		return nil, err
	case !n.enrolledItself():
		return now, nil
	}
	e := n.enrol.Enrol()
	return &consensus.Update{Name: e.Name, Domains: e.Domains, Records: e.Records, ThresholdFloor: e.ThresholdFloor}, nil
}

// noteConfigured notes what was looked at; done once it is.
func (n *Node) noteConfigured(ctx context.Context, u *consensus.Update) (done bool, err error) {
	b, err := json.Marshal(u)
	if err == nil {
		err = n.store.Update(ctx, func(tx *mailstore.Tx) error { return tx.Space(orgSpace).Put([]byte(configuredKey), b) })
	}
	if err != nil {
		return false, fmt.Errorf("keep what the organisation is configured as: %w", err)
	}
	return true, nil
}

// enrolledItself reports whether this node is in the enrolment of its organisation. Another one was
// added to it.
func (n *Node) enrolledItself() bool {
	return slices.ContainsFunc(n.enrol.Enrol().Nodes, func(k consensus.NodeKeys) bool { return k.Node == n.id.NodeKey() })
}
