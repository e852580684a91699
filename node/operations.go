package node

import (
	"context"
	"errors"
	"fmt"
)

// alive tells why the node has to be started anew; nil: it need not be.
func (n *Node) alive(context.Context) error {
	select {
	case <-n.store.Broken():
		return errors.New("the mail store takes no more writes, since one has failed")
	default:
		return nil
	}
}

// ready tells why the node takes no mail now; nil: it does.
func (n *Node) ready(ctx context.Context) error {
	if err := n.alive(ctx); err != nil {
		return err
	}
	if err := n.store.Room(); err != nil {
		return err
	}
	if why := n.copies.silent(); why != "" {
		return fmt.Errorf("no mail is taken at present: %s", why)
	}
	return nil
}
