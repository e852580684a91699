package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"cairn/consensus"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/p2p"
)

// copies is what this node knows of other processes with its keys. Only their peers can tell two of
// them apart. Once a peer has shown that another one lives, neither speaks for the node, in no
// network and after no restart, until the administrator says which one stays.
type copies struct {
	path    string
	writing sync.Mutex // held while the file is written; taken before mu

	mu      sync.Mutex
	mark    *copyMark // nil: no copy was ever found; never changed, only replaced
	unsaved bool      // the file does not have it yet
	latest  time.Time // when one was last shown to live
}

// copyMark is what is kept of a copy, in home.CopyFile.
type copyMark struct {
	Instance string    `json:"instance"` // of the other process
	Found    time.Time `json:"found"`
	Told     string    `json:"told"`              // the node that knows both
	Stays    bool      `json:"stays"`             // the administrator said that this node is the one to stay
	Journal  uint64    `json:"journal,omitempty"` // of the mail store, as far as it went then
}

// openCopies reads what was found before.
func openCopies(dir string) (*copies, error) {
	c := &copies{path: filepath.Join(dir, home.CopyFile)}
	raw, err := os.ReadFile(c.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return c, nil
	case err != nil:
		return nil, fmt.Errorf("read what is known of copies of this node: %w", err)
	}
	c.mark = new(copyMark)
	if err := json.Unmarshal(raw, c.mark); err != nil {
		c.mark = &copyMark{} // it was there, so this node is silent
	}
	return c, nil
}

// silent says why this process may not speak for the node; empty if it may. It is asked by all that
// commits the node: what records and mines, takes mail of others or refuses it for good, and tells
// its organisation's other nodes which accounts it has.
func (c *copies) silent() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mark == nil || c.mark.Stays {
		return ""
	}
	if c.mark.Instance == "" {
		return home.CopyFile + " is damaged, which says whether another process runs with the keys of this node: it speaks for none until it is said which one stays"
	}
	return "another process runs with the keys of this node, as when its directory was copied: neither speaks for it until it is said which one stays"
}

// found takes in that a copy lives, and reports whether that is news. One that is silent does not
// stop the one that was told to stay.
func (c *copies) found(of p2p.Copy, journal mailstore.ModSeq, now time.Time) (news bool, err error) {
	c.mu.Lock()
	c.latest = now
	if c.mark == nil || c.mark.Stays && !of.Silent {
		c.mark = &copyMark{Instance: of.Instance.String(), Found: now.UTC().Truncate(time.Millisecond), Told: of.Told.String(), Journal: uint64(journal)}
		c.unsaved, news = true, true
	}
	c.mu.Unlock()
	return news, c.keep()
}

// keep makes durable what was found, if it is not yet.
func (c *copies) keep() error {
	if !c.isUnsaved() {
		return nil
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	mark, unsaved := c.mark, c.unsaved
	c.mu.Unlock()
	if !unsaved {
		return nil
	}
	return c.store(mark, mark)
}

func (c *copies) isUnsaved() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unsaved
}

// stay notes that this node is the one to stay; not ok if no copy was found.
func (c *copies) stay() (ok bool, err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.mu.Lock()
	was := c.mark
	c.mu.Unlock()
	if was == nil {
		return false, nil
	}
	mark := *was
	mark.Stays = true
	return true, c.store(was, &mark)
}

// store writes a mark, which counts from then on in the place of was, unless another copy was found
// meanwhile.
func (c *copies) store(was, mark *copyMark) error {
	raw, err := json.Marshal(mark)
	if err != nil {
		return err
	}
	if err := replaceFile(c.path, raw); err != nil {
		return fmt.Errorf("keep what is known of copies of this node: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mark == was {
		c.mark, c.unsaved = mark, false
	}
	return nil
}

// view is what the status says of copies.
func (c *copies) view() *api.CopyStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mark == nil {
		return nil
	}
	return &api.CopyStatus{Instance: c.mark.Instance, Found: c.mark.Found, Told: c.mark.Told, Stays: c.mark.Stays, Seen: c.latest.UTC().Truncate(time.Second)}
}

// viewCopy is what the status says of copies, with what is in this node's directory alone while it
// is silent.
func (n *Node) viewCopy() (*api.CopyStatus, error) {
	v := n.copies.view()
	if v == nil || v.Stays {
		return v, nil
	}
	since := n.copies.journal()
	here := new(api.CopyMail)
	err := n.store.View(func(rd *mailstore.Reader) (err error) {
		here.Taken, err = added(rd, since)
		return err
	})
	if err == nil {
		here.Queued, err = n.queue.Len()
	}
	v.Here = here
	return v, err
}

// journal is how far the mail store's went when the copy was found.
func (c *copies) journal() mailstore.ModSeq {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mark == nil {
		return 0
	}
	return mailstore.ModSeq(c.mark.Journal)
}

// added counts the messages that came in since.
func added(rd *mailstore.Reader, since mailstore.ModSeq) (count int, err error) {
	for {
		changes, err := rd.ChangesSince(since, 1000)
		if errors.Is(err, mailstore.ErrUnknownModSeq) {
			return 0, nil // the file is of another store than this one
		}
		if err != nil || len(changes) == 0 {
			return count, err
		}
		for _, c := range changes {
			if c.Kind == mailstore.ChangeAdded {
				count++
			}
		}
		since = changes[len(changes)-1].ModSeq
	}
}

// copied is told by the p2p host of each proof that a copy lives.
func (n *Node) copied(of p2p.Copy) {
	var journal mailstore.ModSeq
	unknown := n.store.View(func(rd *mailstore.Reader) (err error) {
		journal, err = rd.ModSeq()
		return err
	})
	news, err := n.copies.found(of, journal, n.now())
	err = errors.Join(err, unknown)
	if news {
		queued, _ := n.queue.Len() // what cannot be counted stops nothing of this
		n.log.Error("another process runs with the keys of this node, as when its directory was copied: neither speaks for it, nothing is signed, and mail waits "+
			"here and at who sends it, until it is said which one stays; what each has taken until now, and has queued, is in its directory alone; "+
			n.typable("end the other one first, then run here: cairn org node stays"), "queued", queued, "instance", n.host.Instance(), "other", of.Instance, "told_by", of.Told)
	}
	if err != nil { // watchClock tries again
		n.log.Error("a copy of this node was found, which could not be noted", "err", err)
	}
}

// wait says why nothing may be mined now.
func (n *Node) wait() string { return n.waitOn(n.chain.State()) }

func (n *Node) waitOn(s *consensus.State) string {
	if why := n.copies.silent(); why != "" {
		return why
	}
	if n.distrustClock() {
		return "this machine's clock is known to be wrong"
	}
	return n.lacks(s)
}

// Stays makes this node the one that goes on, of the copies that were found.
func (n *Node) Stays(context.Context) (*api.Stays, error) {
	before, err := n.viewCopy()
	if err != nil {
		return nil, err
	}
	// What the other one was told of this process until now shall not count against it.
	n.host.Rename()
	ok, err := n.copies.stay()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noCopy()
	}
	n.log.Warn("this node is the one that stays, its administrator says: it speaks for itself again")
	v := n.copies.view()
	if before != nil {
		v.Here = before.Here
	}
	return &api.Stays{Directory: n.dir, Copy: *v}, nil
}

// Stay is Stays for a node that does not run.
func Stay(dir string) (*api.Stays, error) {
	if _, err := LoadConfig(dir); err != nil {
		return nil, err
	}
	c, err := openCopies(dir)
	if err != nil {
		return nil, err
	}
	ok, err := c.stay()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noCopy()
	}
	return &api.Stays{Directory: dir, Copy: *c.view()}, nil
}

func noCopy() error {
	return api.Errorf(api.CodeNotFound, "cairn status", "saying which node stays: no copy of this node was found, and it is not stopped for one")
}

// twice lists the other nodes of which two processes are connected here.
func (n *Node) twice(s *consensus.State) []api.TwiceNode {
	list := []api.TwiceNode{}
	for _, key := range n.host.Twice() {
		t := api.TwiceNode{Node: key.String()}
		if org, ok := s.OrgByNode(key); ok {
			t.Org = org.Name
		}
		list = append(list, t)
	}
	return list
}
