package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"cairn/consensus/chain"
	"cairn/mailstore"
	"cairn/mailstore/intact"
	"cairn/node/home"
)

// chain looks at the chain, and validates it from genesis on; by it and by what store keeps, nil if
// that is not to be read, it tells whether keys and configuration are this node's.
func (c *checking) chain(ctx context.Context, store *mailstore.Store) error {
	n := &Node{dir: c.dir, cfg: c.cfg, id: c.own.id, genesis: c.genesis, enrol: c.own.enrol, store: store, log: c.Log, now: func() time.Time { return c.Now }}
	defer func() {
		if n.chainDB != nil {
			chain.CloseDB(n.chainDB)
		}
	}()
	if err := c.blocks(ctx, n); err != nil {
		return err
	}
	said := func(file string) bool {
		return slices.ContainsFunc(c.parts, func(p Checked) bool { return p.Part == file && len(p.Faults) > 0 })
	}
	if said(enrolFile) || said(networkFile) {
		n.enrol = nil // by which nothing can be told
	}
	found, err := n.filesOfOthers()
	if err != nil {
		return fmt.Errorf("checking whose files are in %s: %w", c.dir, err)
	}
	for _, f := range found {
		if !said(f.file) { // else more than that was
			c.wrong(f.file, f.err)
		}
	}
	return nil
}

// blocks looks at the chain, if n is in a network.
func (c *checking) blocks(ctx context.Context, n *Node) error {
	fault, there, err := c.files(home.ChainDir, intact.AllValues)
	switch {
	case err != nil:
		return err
	case c.noChain == CheckMissing:
		c.skip(home.ChainDir, CheckMissing, "the node has joined no network")
		return nil
	case c.noChain != "":
		c.skip(home.ChainDir, c.noChain, networkFile+" does not say of which network it is")
		return nil
	case fault != nil && !c.Repair:
		c.add(home.ChainDir, "its files", CheckFault{Text: fault.Error(), Next: "it is made anew from its own blocks and from other nodes when the node starts"})
		return nil
	case !there:
		c.skip(home.ChainDir, CheckMissing, "fetched when the node runs")
		return nil
	}
	return c.branch(ctx, n, fault)
}

// branch validates the chain that n opens. A damaged one is made anew if that was asked for.
func (c *checking) branch(ctx context.Context, n *Node, fault *intact.Fault) error {
	folder := c.path(home.ChainDir)
	var faults []CheckFault
	mended := func(text string) {
		faults = append(faults, CheckFault{Text: text, Mended: true, Next: fmt.Sprintf("it goes to block %d and was made anew from its own blocks; what is missing is fetched when the node runs", n.chain.Tip().Height)})
	}
	err := n.openChainIn(folder)
	if foreign, ok := errors.AsType[*chain.ForeignError](err); ok {
		said := foreignChain(folder, foreign)
		c.add(home.ChainDir, "whose it is", CheckFault{Text: said.Message, Next: said.Hint})
		return nil
	}
	if c.Repair {
		if err == nil {
			err = chain.CloseDB(n.chainDB)
			n.chainDB, n.chain = nil, nil
		}
		if err == nil || chain.IsDamaged(err) {
			err = n.openChain(folder)
		}
	}
	if err == nil && fault != nil {
		mended(fault.Error())
	}
	if err == nil {
		err = n.chain.Check(ctx, func(done, of uint64) { c.Progress("validating the chain", done, of) })
	}
	if chain.IsDamaged(err) && c.Repair && n.chainDB != nil {
		text := chain.Damage(err)
		if err = chain.CloseDB(n.chainDB); err == nil {
			err = setChainAside(folder)
		}
		n.chainDB, n.chain = nil, nil
		if err == nil {
			err = n.openChain(folder)
		}
		if err == nil {
			mended(text)
		}
	}
	if chain.IsDamaged(err) {
		c.add(home.ChainDir, "its blocks", append(faults, CheckFault{Text: chain.Damage(err), Next: "it is made anew by: cairn check --repair"})...)
		return nil
	}
	if err != nil && ctx.Err() == nil {
		return unreadable(folder, err, chainCure)
	}
	if err != nil {
		return fmt.Errorf("checking %s: %w", folder, err)
	}
	c.add(home.ChainDir, fmt.Sprintf("%d blocks from genesis on", n.chain.Tip().Height), faults...)
	return nil
}
