package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-smtp"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/smtpgw"
)

// noticeAfter is how many blocks stand on a change before it is told, so that none is told that a
// reorganisation takes back. What is told counts at once or in a day.
const noticeAfter = 2

// noticed are the changes that the administrator is told of.
var noticed = []string{"key", "key-revoked", "key-pending", "key-pending-gone", "node-added", "recorder", "node-revoked", "node-suspended"}

// noticeChanges puts a mail into the postmaster's inbox for each organisation that is trusted here and
// whose keys have changed, our own too.
func (n *Node) noticeChanges(ctx context.Context, s *consensus.State) error {
	if s.Height() < noticeAfter || n.viewIsOld(s) { // what is long past is no news
		return nil
	}
	upTo := s.Height() - noticeAfter
	var errs []error
	for _, org := range n.followed(s) {
		from, known, err := n.toldUpTo(org.ID)
		if err != nil || known && from >= upTo {
			errs = append(errs, err)
			continue
		}
		if !known { // trust begins with the key as it is now
			from = upTo
		}
		var news []api.OrgChange
		for _, c := range changesOf(s, org.ID) {
			if c.Height > from && c.Height <= upTo && slices.Contains(noticed, c.What) {
				news = append(news, c)
			}
		}
		seen := func(tx *mailstore.Tx) error { return tx.Space(orgSpace).PutNumber(toldKey(org.ID), upTo) }
		switch {
		case len(news) > 0:
			if err := n.notify(ctx, s, org, news, seen); err != nil {
				errs = append(errs, fmt.Errorf("tell of changes of %q: %w", org.Name, err))
			}
		case !known: // else there is nothing to write for a block in which nothing happened
			errs = append(errs, n.store.Update(ctx, seen))
		}
	}
	return errors.Join(errs...)
}

func toldKey(id consensus.Hash) []byte { return append([]byte(toldPrefix), id[:]...) }

func (n *Node) toldUpTo(id consensus.Hash) (height uint64, known bool, err error) {
	err = n.store.View(func(rd *mailstore.Reader) error {
		height, known, err = rd.Space(orgSpace).Number(toldKey(id))
		return err
	})
	return height, known, err
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

// notify sends a notice to the postmaster as delivery reports go, from the null sender, in one transaction
// with the word that it was.
func (n *Node) notify(ctx context.Context, s *consensus.State, org *consensus.Org, news []api.OrgChange, seen func(*mailstore.Tx) error) error {
	to := n.postmaster()
	var text strings.Builder
	fmt.Fprintf(&text, "The chain has changes of the organisation %s (%s),\r\nid %s.\r\n", printable(org.Name), n.followedFor(s, org), org.ID)
	for _, c := range news {
		fmt.Fprintf(&text, "\r\n%s\r\n", n.sentence(s, c))
	}
	if org.ID == n.ownID() {
		text.WriteString("\r\nIf nobody of you did this, somebody else has a key of yours: the recovery key takes the organisation back\r\n" +
			"(cairn org revoke), cairn org node drop ends a node.\r\n")
	} else {
		text.WriteString("\r\nThe pin follows the organisation from one key to the next. If you did not expect this, ask somebody you\r\n" +
			"know there, on the telephone, whether they did it; until then: cairn org untrust DOMAIN.\r\n")
	}
	fmt.Fprintf(&text, "All changes: cairn org changes %s\r\n", org.ID)
	of := n.homeFirst()[0]
	if org.ID != n.ownID() {
		domains := n.pinnedFor(s, org)
		if of = cmp.Or(domains...); len(domains) > 1 {
			of = fmt.Sprintf("%s and %d more", of, len(domains)-1)
		}
	}
	raw := fmt.Sprintf("From: Cairn <%s>\r\nTo: <%s>\r\nSubject: Keys of %s have changed\r\nDate: %s\r\nAuto-Submitted: auto-generated\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s",
		to, to, of, n.now().Format(time.RFC1123Z), text.String())
	peer := smtpgw.Peer{Addr: "local", Helo: n.cfg.Hostname, Protocol: smtpgw.ProtocolLocal}
	_, err := n.submitter.SubmitWith(ctx, peer, "", []string{to}, []byte(raw), seen)
	if refusal, ok := errors.AsType[*smtp.SMTPError](err); ok && refusal.Code >= 500 {
		n.log.Warn("changes of an organisation could not be told to the postmaster", "organisation", org.Name, "err", err)
		return n.store.Update(ctx, seen) // nobody is there to tell, and trying again does not help
	}
	return err
}

// followedFor says why an organisation is followed.
func (n *Node) followedFor(s *consensus.State, org *consensus.Org) string {
	if org.ID == n.ownID() {
		return "our own"
	}
	return "trusted here for " + strings.Join(n.pinnedFor(s, org), ", ")
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

// sentence tells one change to people.
func (n *Node) sentence(s *consensus.State, c api.OrgChange) string {
	when := fmt.Sprintf("since block %d of %s", c.Height, n.heightTime(s, c.Height).UTC().Format(time.DateTime))
	switch c.What {
	case "key":
		return fmt.Sprintf("Its key is another one, %s.\r\n  key    %s\r\n  words  %s\r\n  before %s", when, c.To, c.Fingerprint, c.From)
	case "key-revoked":
		return fmt.Sprintf("Its key was revoked with its recovery key, another one counts %s.\r\n  key    %s\r\n  words  %s\r\n  before %s", when, c.To, c.Fingerprint, c.From)
	case "key-pending":
		return fmt.Sprintf("Its key will be another one from block %d on, about %s.\r\n  key    %s\r\n  words  %s\r\n"+
			"Until then its recovery key can take that back. Announced in block %d.",
			c.Counts, n.heightTime(s, c.Counts).UTC().Format(time.DateTime), c.To, c.Fingerprint, c.Height)
	case "key-pending-gone":
		return fmt.Sprintf("The change of its key that was announced will not come, %s.\r\n  key    %s", when, c.From)
	case "node-added":
		return fmt.Sprintf("A node was added, %s.\r\n  node   %s", when, c.To)
	case "recorder":
		return fmt.Sprintf("A node gave itself another recorder key, %s.\r\n  node   %s\r\n  key    %s\r\n  before %s", when, c.Node, c.To, c.From)
	case "node-revoked":
		return fmt.Sprintf("A node was ended together with the organisation's key, %s.\r\n  node   %s", when, c.From)
	}
	return fmt.Sprintf("A node signed two records with one number and counts no more, %s.\r\n  node   %s", when, c.From)
}

// printable is a stranger's text for a line of a notice.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
}
