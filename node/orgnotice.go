package node

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/membership"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/trace"
)

// noticeAfter is how many blocks stand on a change before it is told, so that none is told that a
// reorganisation takes back. What is told counts at once or in a day.
const noticeAfter = 2

// toldOthers is how many steps that are of other branches than the one that is here are remembered
// as told.
const toldOthers = 64

// tells reports whether the administrator is told of a change. Of our own organisation that is
// every one, since whoever has its key can make any; of another one what trust in it goes by: its
// keys, its name, and whether it claims the domains for which it is pinned.
func tells(own bool, pinned []string, c api.OrgChange) bool {
	if own {
		return c.What != "enrolled"
	}
	switch c.What {
	case "key", "key-revoked", "key-pending", "key-pending-gone", "node-added", "recorder", "recorder-suspended", "node-revoked", "node-suspended", "name":
		return true
	case "domains":
		was, is := strings.Split(c.From, ", "), strings.Split(c.To, ", ")
		return slices.ContainsFunc(pinned, func(d string) bool { return slices.Contains(was, d) != slices.Contains(is, d) })
	}
	return false
}

// newsOf are the changes of org in these steps that the administrator is told of.
func (n *Node) newsOf(s *consensus.State, org *consensus.Org, steps []membership.Step) (news []api.OrgChange) {
	pinned := n.pinnedFor(s, org)
	for _, step := range steps {
		for _, c := range step.Changes {
			if tells(org.ID == n.ownID(), pinned, c) {
				news = append(news, c)
			}
		}
	}
	return news
}

// noticeChanges puts a mail into the postmaster's inbox for each organisation that is trusted here
// and has changed, our own too. What was told is known by its events, not by its height: another
// branch may have others there.
func (n *Node) noticeChanges(ctx context.Context, s *consensus.State) error {
	if s.Height() < noticeAfter || n.viewIsOld(s) { // what is long past is no news
		return nil
	}
	var errs []error
	for _, org := range n.followed(s) {
		steps := slices.DeleteFunc(membership.StepsOf(s, org.ID), func(step membership.Step) bool { return step.Height > s.Height()-noticeAfter })
		told, known, err := n.toldOf(org.ID, steps)
		fresh := slices.DeleteFunc(slices.Clone(steps), func(step membership.Step) bool { return slices.Contains(told, step.ID) })
		if err != nil || known && len(fresh) == 0 { // a branch that has less takes nothing back: what it lacks may come again
			errs = append(errs, err)
			continue
		}
		news := n.newsOf(s, org, fresh)
		note := encodeTold(steps, told)
		if len(news) > 0 { // what another branch has is true again, if it is, after this was told
			note = encodeTold(steps, nil)
		}
		seen := func(tx *mailstore.Tx) error { return tx.Space(orgSpace).Put(toldKey(org.ID), note) }
		if !known || len(news) == 0 { // trust begins with the organisation as it is now
			errs = append(errs, n.store.Update(ctx, seen))
			continue
		}
		if err := n.notify(ctx, s, org, news, seen); err != nil {
			errs = append(errs, fmt.Errorf("tell of changes of %q: %w", org.Name, err))
		}
	}
	return errors.Join(errs...)
}

// encodeTold notes these steps, behind the last ones of those that were told before and are of
// other branches.
func encodeTold(steps []membership.Step, before []consensus.Hash) (b []byte) {
	others := slices.DeleteFunc(slices.Clone(before), func(id consensus.Hash) bool {
		return slices.ContainsFunc(steps, func(step membership.Step) bool { return step.ID == id })
	})
	for _, id := range others[max(0, len(others)-toldOthers):] {
		b = append(b, id[:]...)
	}
	for _, step := range steps {
		b = append(b, step.ID[:]...)
	}
	return b
}

// toldOf are the steps of an organisation that the administrator knows of. A note of before has a
// height: what of steps, which are those of the branch that is here, is not above it. One that is
// neither is as none.
func (n *Node) toldOf(id consensus.Hash, steps []membership.Step) (told []consensus.Hash, known bool, err error) {
	err = n.store.View(func(rd *mailstore.Reader) error {
		b, err := rd.Space(orgSpace).Get(toldKey(id))
		switch {
		case errors.Is(err, mailstore.ErrNotFound):
			return nil
		case err == nil && len(b) == 8:
			known = true
			for _, step := range steps {
				if step.Height <= binary.BigEndian.Uint64(b) {
					told = append(told, step.ID)
				}
			}
			return nil
		}
		known = err == nil && len(b)%len(id) == 0
		for ; known && len(b) > 0; b = b[len(id):] {
			told = append(told, consensus.Hash(b[:len(id)]))
		}
		return err
	})
	return append(told, suspensionsOf(told, steps)...), known, err
}

// suspensionsOf are the suspensions among steps that a note of before has: as the event that each
// is behind, once more for each of them.
func suspensionsOf(noted []consensus.Hash, steps []membership.Step) (told []consensus.Hash) {
	times := make(map[consensus.Hash]int)
	for _, id := range noted {
		times[id]++
	}
	for _, step := range steps {
		if times[step.Behind]--; !step.Behind.IsZero() && times[step.Behind] > 0 {
			told = append(told, step.ID)
		}
	}
	return told
}

// followed are our own organisation and those that are pinned.
func (n *Node) followed(s *consensus.State) []*consensus.Org {
	var list []*consensus.Org
	if org, ok := s.Org(n.ownID()); ok {
		list = append(list, org)
	}
	for _, p := range n.trust.Pins() {
		if org, ok := s.OrgByKey(p.Key); ok && !slices.Contains(list, org) {
			list = append(list, org)
		}
	}
	return list
}

// noticeText is what a notice says. The organisation chose its name: nothing else stands in its
// line.
func (n *Node) noticeText(s *consensus.State, org *consensus.Org, news []api.OrgChange) string {
	var text strings.Builder
	here := "our own"
	if org.ID != n.ownID() {
		here = "trusted for " + strings.Join(n.pinnedFor(s, org), ", ")
	}
	fmt.Fprintf(&text, "The chain has changes of an organisation.\r\n\r\n  name      %q\r\n  id        %s\r\n  here      %s\r\n", org.Name, org.ID, here)
	for _, c := range news {
		fmt.Fprintf(&text, "\r\n%s\r\n", n.sentence(s, c))
	}
	if org.ID == n.ownID() {
		text.WriteString("\r\nIf nobody of you did this, somebody else has a key of yours: the recovery key takes the organisation back.\r\n  " +
			n.typable("with the recovery key: cairn org revoke --recovery FILE -o FILE") + "\r\n  " + n.typable("to end a node: cairn org node drop NODEKEY") + "\r\n")
	} else {
		text.WriteString("\r\nThe pin follows the organisation from one key to the next. If you did not expect this, ask somebody you\r\n" +
			"know there, on the telephone, whether they did it; until then it is safe to take the trust back.\r\n")
		for _, domain := range n.pinnedFor(s, org) {
			text.WriteString("  " + n.typable("cairn org untrust "+domain) + "\r\n")
		}
	}
	text.WriteString(n.allChanges(org.ID))
	return text.String()
}

// allChanges is the line of a notice that says where all changes of an organisation are shown.
func (n *Node) allChanges(id consensus.Hash) string {
	return n.typable("All changes: cairn org changes "+id.String()) + "\r\n"
}

// notify tells the postmaster of news of an organisation.
func (n *Node) notify(ctx context.Context, s *consensus.State, org *consensus.Org, news []api.OrgChange, seen func(*mailstore.Tx) error) error {
	of := n.homeFirst()[0]
	if org.ID != n.ownID() {
		domains := n.pinnedFor(s, org)
		if of = cmp.Or(domains...); len(domains) > 1 {
			of = fmt.Sprintf("%s and %d more", of, len(domains)-1)
		}
	}
	return n.tellPostmaster(ctx, subjectOf(news, of), n.noticeText(s, org, news), seen)
}

// tellPostmaster is tell of the postmaster alone.
func (n *Node) tellPostmaster(ctx context.Context, subject, text string, seen func(*mailstore.Tx) error) error {
	return n.tell(ctx, []string{n.postmaster()}, subject, text, seen)
}

// tell sends a notice as delivery reports go, from the null sender, in one transaction with the
// word that it was; nil: nobody wants to know.
func (n *Node) tell(ctx context.Context, to []string, subject, text string, seen func(*mailstore.Tx) error) error {
	raw := fmt.Sprintf("From: Cairn <%s>\r\nTo: <%s>\r\nSubject: %s\r\nDate: %s\r\nAuto-Submitted: auto-generated\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s",
		n.postmaster(), strings.Join(to, ">, <"), subject, n.now().Format(time.RFC1123Z), text)
	peer := trace.Peer{Addr: "local", Helo: n.cfg.Hostname, Protocol: trace.ProtocolLocal}
	_, err := n.submitter.SubmitWith(ctx, peer, "", to, []byte(raw), seen)
	if refusal, ok := errors.AsType[*refuse.Refusal](err); ok && !refusal.Temporary() && seen != nil {
		n.log.Warn("a notice could not be told to the postmaster", "subject", subject, "err", err)
		return n.store.Update(ctx, seen) // nobody is there to tell, and trying again does not help
	}
	return err
}

// subjectOf is the subject of a notice about whose domain of is.
func subjectOf(news []api.OrgChange, of string) string {
	if slices.ContainsFunc(news, func(c api.OrgChange) bool {
		return strings.HasPrefix(c.What, "key") || strings.HasPrefix(c.What, "node-") || strings.HasPrefix(c.What, "recorder") || c.What == "recovery"
	}) {
		return "Keys of " + of + " have changed"
	}
	return "The entry of " + of + " has changed"
}

// pinnedFor are the domains that are pinned to an organisation.
func (n *Node) pinnedFor(s *consensus.State, org *consensus.Org) (domains []string) {
	for _, p := range n.trust.Pins() {
		if o, ok := s.OrgByKey(p.Key); ok && o.ID == org.ID {
			domains = append(domains, p.Domain)
		}
	}
	return domains
}
