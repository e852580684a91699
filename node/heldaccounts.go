package node

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"time"

	"cairn/mailstore"
	"cairn/node/api"
	"cairn/smtpgw/limits"
)

// maxHeldTold bounds the accounts that wait to be told of. Of more the log has a line alone.
const maxHeldTold = 64

// heldAccount is an account that sends nothing for a time.
type heldAccount struct {
	name  string
	over  limits.Event // what there was too much of
	until time.Time
}

// noteHeld has an account told of. It does not wait.
func (n *Node) noteHeld(name string, over limits.Event, lasts time.Duration) {
	select {
	case n.heldAccounts <- heldAccount{name, over, n.now().Add(lasts)}:
	default:
	}
}

// tellHeld tells the owners of accounts that are held, and the postmaster, until ctx is done.
func (n *Node) tellHeld(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case held := <-n.heldAccounts:
			if err := n.noticeHeld(ctx, held); err != nil && ctx.Err() == nil {
				n.log.Warn("that an account is held could not be told", "account", held.name, "err", err)
			}
		}
	}
}

func (n *Node) noticeHeld(ctx context.Context, held heldAccount) error {
	to := []string{n.postmaster()}
	err := n.store.View(func(rd *mailstore.Reader) error {
		a, err := rd.AccountByName(held.name)
		if err == nil && len(a.Addresses) > 0 && !n.isPostmaster(a) {
			to = append(to, a.Addresses[0])
		}
		return err
	})
	if errors.Is(err, mailstore.ErrNotFound) { // removed meanwhile
		return nil
	} else if err != nil {
		return err
	}
	return n.tell(ctx, to, mime.QEncoding.Encode("utf-8", "The account "+held.name+" is held"), n.heldText(held), nil)
}

// heldText is what the notice says, to its owner too: the name alone is not the node's word.
func (n *Node) heldText(held heldAccount) string {
	name := api.ShellWord(held.name)
	done := map[limits.Event]string{
		limits.Message: "sent messages", limits.Recipient: "named recipients", limits.Stranger: "written to new addresses", limits.LargeMessage: "sent large messages",
	}[held.over]
	return fmt.Sprintf("The account %q has %s faster than limits.%s allows. No message is taken\r\n"+
		"from it until %s.\r\n\r\n"+
		"If its owner did not do that, somebody else has the password. The administrator sets another one, or lets\r\n"+
		"the account go on:\r\n", held.name, done, held.over.AccountRate(), held.until.UTC().Format(time.RFC1123)) +
		"  " + n.typable("cairn account passwd "+name) + "\r\n" +
		"  " + n.typable("cairn limits forgive --account "+name) + "\r\n"
}
