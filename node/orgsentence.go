package node

import (
	"fmt"
	"time"

	"cairn/consensus"
	"cairn/node/api"
)

// sentence tells one change of an organisation to people.
func (n *Node) sentence(s *consensus.State, c api.OrgChange) string {
	when := fmt.Sprintf("since block %d of %s", c.Height, n.heightTime(s, c.Height).UTC().Format(time.DateTime))
	switch c.What {
	case "key":
		return fmt.Sprintf("Its key is another one, %s.\r\n  key       %s\r\n  words     %s\r\n  before    %s", when, c.To, c.Fingerprint, c.From)
	case "key-revoked":
		return fmt.Sprintf("Its key was revoked with its recovery key, another one counts %s.\r\n  key       %s\r\n  words     %s\r\n  before    %s", when, c.To, c.Fingerprint, c.From)
	case "key-pending":
		return fmt.Sprintf("Its key will be another one from block %d on, about %s.\r\n  key       %s\r\n  words     %s\r\n"+
			"Until then its recovery key can take that back. Announced in block %d.",
			c.Counts, n.heightTime(s, c.Counts).UTC().Format(time.DateTime), c.To, c.Fingerprint, c.Height)
	case "key-pending-gone":
		return fmt.Sprintf("The change of its key that was announced will not come, %s.\r\n  key       %s", when, c.From)
	case "recovery":
		return fmt.Sprintf("Its recovery key is another one, %s.", when)
	case "node-added":
		return fmt.Sprintf("A node was added, %s.\r\n  node      %s", when, c.To)
	case "recorder":
		return fmt.Sprintf("A node gave itself another recorder key, %s.\r\n  node      %s\r\n  key       %s\r\n  before    %s", when, c.Node, c.To, c.From)
	case "node-dropped":
		return fmt.Sprintf("A node was dropped, %s.\r\n  node      %s", when, c.From)
	case "node-revoked":
		return fmt.Sprintf("A node was ended together with the organisation's key, %s.\r\n  node      %s", when, c.From)
	case "node-suspended":
		return fmt.Sprintf("A node signed two records with one number and counts no more, %s.\r\n  node      %s", when, c.From)
	case "recorder-suspended":
		return fmt.Sprintf("Two records with one number were signed with a recorder key that a node had before, and that key counts no more, %s.\r\n"+
			"That does not end the node.\r\n  node      %s\r\n  key       %s", when, c.Node, c.From)
	case "domains", "records", "threshold":
		return fmt.Sprintf("It has %s, %s.\r\n  now       %s\r\n  before    %s", otherSays[c.What], when, c.To, c.From)
	case "name":
		return fmt.Sprintf("It has another name, %s.\r\n  now       %q\r\n  before    %q", when, c.To, c.From)
	}
	return fmt.Sprintf("It has changed (%s), %s.\r\n  now       %q\r\n  before    %q", c.What, when, c.To, c.From)
}

// otherSays are changes of what an organisation says of itself, in words.
var otherSays = map[string]string{
	"domains": "other domains", "records": "another declaration of what it records", "threshold": "another threshold",
}
