package cli

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"cairn/node/api"
)

func (a *app) showOrg(b *bytes.Buffer, o *api.Org) {
	fmt.Fprintln(b, named(o.Name, 0))
	showOwn(b, o.Own)
	fmt.Fprintf(b, "  domains   %s\n", strings.Join(o.Domains, ", "))
	fmt.Fprintf(b, "  key       %s\n", o.Key)
	fmt.Fprintf(b, "  words     %s\n", o.Fingerprint)
	showPending(b, o.Pending)
	for _, r := range o.DNS {
		fmt.Fprintf(b, "  dns       %s TXT %q\n", r.Name, r.TXT)
	}
	if o.ID == "" {
		fmt.Fprintln(b, "  enrolment not in a block yet")
	} else {
		fmt.Fprintf(b, "  id        %s, since block %d\n", o.ID, o.Height)
	}
	fmt.Fprintf(b, "  records   %s of its mail", o.Records)
	if o.ThresholdFloor > 0 {
		fmt.Fprintf(b, ", asks for %d %% unchanged", o.ThresholdFloor)
	}
	fmt.Fprintf(b, "\n  nodes     %s\n", nodesNote(o.Nodes))
	if len(o.Trusted) == 0 && len(o.Domains) > 0 {
		fmt.Fprintf(b, "  trusted   for no domain, see: %s\n", a.typable("cairn org trust "+o.Domains[0]))
	}
	for _, p := range o.Trusted {
		fmt.Fprintf(b, "  trusted   for %s (%s%s)\n", p.Domain, p.Source, pinNote(&p))
	}
}

// showOwn says of an organisation that it is our own, in a line of its own.
func showOwn(b *bytes.Buffer, own bool) {
	if own {
		fmt.Fprintln(b, "  here      our own organisation")
	}
}

// pinNote says what is not to be expected of a pin.
func pinNote(p *api.Pin) string {
	note := ""
	if p.Former {
		note += ", by a key that it had before"
	}
	if p.Unclaimed {
		note += ", which it does not claim now: no mail goes there"
	}
	return note
}

// nodesNote counts nodes, and says how and when those ended that have, and which took another
// recorder key.
func nodesNote(list []api.OrgNode) string {
	active, ended, changed := 0, "", ""
	for _, n := range list {
		for _, f := range n.Formers {
			changed += fmt.Sprintf("; %.8s has another recorder key since block %d", n.Node, f.Until)
		}
		if n.End == "" {
			active++
			continue
		}
		ended += fmt.Sprintf("; %.8s was %s in block %d", n.Node, n.End, n.Until)
	}
	return fmt.Sprint(active) + ended + changed
}

// holder names whom a pin is for.
func holder(p *api.Pin) string {
	if p.Org == "" {
		return "a key that no member of the network has yet"
	}
	return named(p.Org, 0)
}

// showFormer says of a pin that it is to a key which the organisation has no more.
func showFormer(b *bytes.Buffer, p *api.Pin) {
	if p.Former {
		fmt.Fprintln(b, "  now       it has another key, and the pin stands for it all the same")
	}
}

// showPin prints a pin, as an entry of a list.
func showPin(b *bytes.Buffer, p *api.Pin) {
	fmt.Fprintf(b, "%s\n  pinned    to %s, since %s (%s)\n", p.Domain, holder(p), p.Since.Format(time.DateOnly), p.Source)
	fmt.Fprintf(b, "  key       %s\n  words     %s\n", p.Key, p.Fingerprint)
	showFormer(b, p)
	switch {
	case p.Org == "":
	case p.Unclaimed:
		fmt.Fprintf(b, "  claimed   no, %s does not claim it now: no mail goes there\n", named(p.Org, 0))
	default:
		fmt.Fprintf(b, "  claimed   by %s\n", named(p.Org, 0))
	}
}

func (a *app) showClaims(b *bytes.Buffer, l *api.Claims) {
	pinned := false
	for i := range l.Claims {
		showClaim(b, &l.Claims[i], l.Pin)
		pinned = pinned || l.Claims[i].Pinned
	}
	if len(l.Claims) == 0 {
		fmt.Fprintf(b, "no member of the network claims %s; who claims what: %s\n", l.Domain, a.typable("cairn org show all"))
	} else {
		fmt.Fprintf(b, "%s is claimed by %s of the network; a claim proves nothing\n", l.Domain, plural(len(l.Claims), "member"))
	}
	switch {
	case l.Pin != nil && !pinned:
		fmt.Fprintln(b, "it is pinned to another key:")
		showPin(b, l.Pin)
	case l.Pin == nil && len(l.Claims) > 0:
		fmt.Fprintf(b, "compare the words on the telephone with somebody you know there, then: %s\n", a.typable("cairn org trust "+l.Domain+" KEY"))
	}
}

// showClaim prints a claim of a domain; pin is the domain's, nil if it has none.
func showClaim(b *bytes.Buffer, c *api.Claim, pin *api.Pin) {
	fmt.Fprintln(b, named(c.Name, 0))
	showOwn(b, c.Own)
	fmt.Fprintf(b, "  key       %s\n  words     %s\n", c.Key, c.Fingerprint)
	fmt.Fprintf(b, "  since     block %d", c.Height)
	if !c.Since.IsZero() {
		fmt.Fprintf(b, " of %s", c.Since.Format(time.DateTime))
	}
	fmt.Fprintf(b, "\n  records   %s of its mail\n  dns       %s\n", c.Records, dnsSays[c.DNS])
	switch {
	case c.Pinned && pin != nil:
		fmt.Fprintf(b, "  trusted   pinned since %s (%s)\n", pin.Since.Format(time.DateOnly), pin.Source)
	case c.Trusted:
		fmt.Fprintln(b, "  trusted   by the DNS")
	default:
		fmt.Fprintln(b, "  trusted   no")
	}
}

// dnsSays puts what the DNS of a domain says about a key into words.
var dnsSays = map[string]string{
	"names": "names this key", "names-not": "names nobody, or another key", "no-answer": "does not answer",
}

func showUntrusted(b *bytes.Buffer, u *api.Untrusted) {
	fmt.Fprintf(b, "%s is no longer pinned to %s\n  key       %s\n  words     %s\n", u.Pin.Domain, holder(&u.Pin), u.Pin.Key, u.Pin.Fingerprint)
	switch {
	case u.Trusted != nil:
		fmt.Fprintf(b, "its DNS names %s, which is trusted now\n  key       %s\n  words     %s\n", named(u.Trusted.Name, 0), u.Trusted.Key, u.Trusted.Fingerprint)
	case u.Mail == api.MailWaits:
		fmt.Fprintln(b, "its DNS does not answer whom it names: until it does, nobody is trusted for it, and mail for it waits")
	case u.Mail == api.MailOutside:
		fmt.Fprintln(b, "nobody is trusted for it now: mail for it leaves the network by ordinary SMTP, as outbound.via says, and no node checks it")
	case u.Mail == api.MailReturned:
		fmt.Fprintln(b, "nobody is trusted for it now: mail for it comes back")
	default: // of a later version of the node
		fmt.Fprintf(b, "nobody is trusted for it now; mail for it: %s\n", line(u.Mail, 0))
	}
}

// changeSays puts what changed of an organisation into words, for a line with what it was and what
// it is.
var changeSays = map[string]string{
	"enrolled": "enrolled", "name": "another name", "domains": "other domains", "records": "other declaration", "threshold": "other threshold",
	"key": "another key", "key-revoked": "key revoked", "key-pending": "another key announced", "key-pending-gone": "announced key taken back, it never counts",
	"recovery": "another recovery key", "node-added": "node added", "node-dropped": "node dropped", "node-revoked": "node revoked",
	"node-suspended": "node suspended", "recorder": "another recorder key of a node",
	"recorder-suspended": "former recorder key of a node suspended",
}

// showPending tells of a key that is announced, if one is.
func showPending(b *bytes.Buffer, p *api.PendingRotation) {
	if p != nil {
		fmt.Fprintf(b, "  announced %s\n  words     %s\n  counts    from block %d on, about %s\n", p.Key, p.Fingerprint, p.At, p.About.Format(time.DateTime))
	}
}

func showChanges(b *bytes.Buffer, l *api.OrgChanges) {
	fmt.Fprintf(b, "%s\n  id        %s\n  key       %s\n  words     %s\n", named(l.Name, 0), l.ID, l.Key, l.Fingerprint)
	showPending(b, l.Pending)
	for i := range l.Changes {
		c := &l.Changes[i]
		fmt.Fprintf(b, "block %d of %s: %s\n", c.Height, c.Time.Format(time.DateTime), changeSays[c.What])
		switch c.What {
		case "recovery":
			continue // its commitment tells nobody anything
		case "name":
			fmt.Fprintf(b, "  from      %s\n  to        %s\n", named(c.From, 0), named(c.To, 0))
			continue
		case "domains", "records", "threshold":
			fmt.Fprintf(b, "  from      %s\n  to        %s\n", line(c.From, 0), line(c.To, 0))
			continue
		}
		if c.Node != "" {
			fmt.Fprintf(b, "  node      %s\n", c.Node)
		}
		if c.From != "" {
			fmt.Fprintf(b, "  before    %s\n", c.From)
		}
		if c.To != "" {
			fmt.Fprintf(b, "  is        %s\n", c.To)
		}
		if c.Fingerprint != "" {
			fmt.Fprintf(b, "  words     %s\n", c.Fingerprint)
		}
		switch {
		case c.Gone > 0:
			fmt.Fprintf(b, "  counts    never: it was taken back, or another one announced, in block %d\n", c.Gone)
		case c.Counts > 0:
			fmt.Fprintf(b, "  counts    from block %d on, about %s\n", c.Counts, c.About.Format(time.DateTime))
		}
	}
}

func showProposed(b *bytes.Buffer, done string, v *api.OrgEvent) {
	fmt.Fprintf(b, "%s\n", done)
	if v.ID != "" {
		fmt.Fprintf(b, "  event     %s\n", v.ID)
	}
	fmt.Fprintf(b, "  waits for %s\n", v.WaitsFor)
	anew := ""
	switch {
	case v.Counts > 0:
		fmt.Fprintf(b, "  counts    from block %d on, %s\n", v.Counts, v.Counting)
		anew = ", and the time begins anew"
	case v.Counting != "":
		fmt.Fprintf(b, "  counts    %s\n", v.Counting)
	}
	for _, node := range v.Ends {
		fmt.Fprintf(b, "  ends      node %s\n", node)
	}
	if v.Recorder != "" {
		fmt.Fprintf(b, "  recorder  %s\n  then      %s\n", v.Recorder, v.Then)
	}
	if v.Replaces != "" {
		fmt.Fprintf(b, "  replaces  the key announced before, %s: that one does not come%s\n", v.Replaces, anew)
	}
}

func showNode(b *bytes.Buffer, n *api.OrgNodeState) {
	here := ""
	if n.Here {
		here = " (this node)"
	}
	fmt.Fprintf(b, "%s%s\n  recorder  %s\n", n.Node, here, n.Recorder)
	for _, f := range n.Formers {
		fmt.Fprintf(b, "  before    %s, until block %d\n", f.Recorder, f.Until)
	}
	if n.Next != "" {
		fmt.Fprintf(b, "  next      %s, waits for a block\n", n.Next)
	}
	switch {
	case n.Waiting:
		fmt.Fprintln(b, "  waits for a block")
	case n.End != "":
		fmt.Fprintf(b, "  ended     %s in block %d of %s\n", n.End, n.Until, n.At.Format(time.DateTime))
	default:
		fmt.Fprintf(b, "  since     block %d of %s\n", n.Since, n.At.Format(time.DateTime))
	}
}
