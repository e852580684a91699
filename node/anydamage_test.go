package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cairn/consensus/chain"
	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/mailstore/scratch"
	"cairn/mailstore/testenv"
	"cairn/node/api"
	"cairn/node/home"
)

// anyDamage, in the environment, is how often TestAnyDamage damages something.
const anyDamage = "CAIRN_DAMAGE_CASES"

// TestAnyDamage cuts, flips and removes at random, over all files of the three stores and the head,
// of a node that was closed and of one that was killed. The node starts, and each mail is shown as
// it was sent or as damaged, and its chain is that of before or the beginning of it; or it does
// not, and says why in one sentence, and what to do.
func TestAnyDamage(t *testing.T) {
	t.Parallel()
	cases := testenv.Number(t, anyDamage, 6)
	closed, killed, sent := madeForDamage(t)
	refused, damaged := 0, 0
	for i := range cases {
		r := rand.New(rand.NewPCG(uint64(i), 99))
		from := []string{closed, killed}[i%2]
		dir := filepath.Join(shortDir(t), "n")
		copyNode(t, dir, from)
		about := fmt.Sprintf("case %d, %s: ", i, []string{"closed", "killed"}[i%2]) + damageOne(t, dir, r)
		n, err := Open(t.Context(), dir, nil)
		if err != nil {
			refused++
			if said := api.AsError(err); said.Hint == "" || strings.ContainsAny(said.Message+said.Hint, "\n") || strings.Contains(said.Message, "runtime") {
				t.Errorf("%s: it says %q, next %q", about, said.Message, said.Hint)
			}
			os.RemoveAll(filepath.Dir(dir))
			continue
		}
		damaged += sent.held(t, about, n)
		if err := n.Close(); err != nil {
			t.Errorf("%s: closing: %v", about, err)
		}
		os.RemoveAll(filepath.Dir(dir))
	}
	t.Logf("%d of %d were refused; %d mails were shown as damaged", refused, cases, damaged)
}

// sentMails are the texts of alice's mails, the first one's number being 1, and the chain's height.
type sentMails struct {
	texts  [][]byte
	height uint64
}

// held holds what a node shows to what was sent, and returns how many mails are damaged.
func (s *sentMails) held(t *testing.T, about string, n *Node) (damaged int) {
	t.Helper()
	for i, text := range s.texts {
		ref := fmt.Sprintf("alice/%d", i+1)
		shown, err := n.Message(t.Context(), ref)
		raw, rawErr := n.Raw(t.Context(), ref)
		switch {
		case err != nil:
			t.Errorf("%s: %s is not shown: %v", about, ref, err)
		case shown.Damaged != "":
			damaged++
			if shown.Text != "" || rawErr == nil {
				t.Errorf("%s: %s is damaged and shown all the same: %.40q, %v", about, ref, shown.Text, rawErr)
			}
		case rawErr != nil || !bytes.Equal(raw.Raw, text) || shown.Text != message.Parse(text).Text:
			t.Errorf("%s: %s is another mail than was sent: %.40q, %v", about, ref, shown.Text, rawErr)
		}
	}
	if tip := n.chain.Tip().Height; tip > s.height {
		t.Errorf("%s: the chain has %d blocks of %d", about, tip, s.height)
	}
	if err := n.chain.Check(t.Context(), func(_, _ uint64) {}); err != nil && !chain.IsDamaged(err) {
		t.Errorf("%s: %v", about, err)
	}
	return damaged
}

// madeForDamage makes a node with mails and blocks: as it is closed, and as it is killed after some
// more work.
func madeForDamage(t *testing.T) (closed, killed string, sent *sentMails) {
	t.Helper()
	closed, _ = founder(t, "alpha", "alpha.test")
	quiet(t, closed, nil)
	r, sent := rand.New(rand.NewPCG(5, 6)), &sentMails{}
	n, err := Open(t.Context(), closed, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	indexing := make(chan error, 1)
	go func() { indexing <- n.index.Run(ctx) }()
	for i := range 40 {
		text := fmt.Appendf(nil, "From: bob@beta.test\r\nSubject: number %d\r\n\r\nmail number %d\r\n%s", i, i, strings.Repeat(fmt.Sprintf("a line of %d\r\n", r.Uint64()), 1+r.IntN(2000)))
		sent.texts = append(sent.texts, text)
		err := n.store.Update(t.Context(), func(tx *mailstore.Tx) error {
			a, err := tx.AccountByName("alice")
			if errors.Is(err, mailstore.ErrNotFound) {
				a, err = tx.AddAccount("alice", []string{"alice@alpha.test"})
			}
			if err != nil {
				return err
			}
			blob, err := tx.PutBlob(text)
			if err != nil {
				return err
			}
			_, err = tx.AddMessage(mailstore.Message{
				Account: a.ID, Blob: blob, Size: int64(len(text)), Received: time.Unix(1_800_000_000, 0), From: "bob@beta.test", Recipients: []string{"alice@alpha.test"},
			}, []string{"inbox"})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if i%4 == 0 {
			if _, err := n.chain.AddBlock(mineOne(n), n.now()); err != nil {
				t.Fatal(err)
			}
		}
		if i == 20 { // so that there are tables
			if err := n.index.WaitFor(ctx, position(t, n)); err != nil {
				t.Fatal(err)
			}
			cancel()
			if err := errors.Join(<-indexing, n.Close()); err != nil {
				t.Fatal(err)
			}
			if n, err = Open(t.Context(), closed, nil); err != nil {
				t.Fatal(err)
			}
			ctx, cancel = context.WithCancel(t.Context())
			go func() { indexing <- n.index.Run(ctx) }()
		}
	}
	if err := n.index.WaitFor(ctx, position(t, n)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-indexing; err != nil {
		t.Fatal(err)
	}
	sent.height = n.chain.Tip().Height
	killed = filepath.Join(shortDir(t), "n")
	copyNode(t, killed, closed)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	return closed, killed, sent
}

func position(t *testing.T, n *Node) (last mailstore.ModSeq) {
	t.Helper()
	if err := n.store.View(func(r *mailstore.Reader) (err error) { last, err = r.ModSeq(); return err }); err != nil {
		t.Fatal(err)
	}
	return last
}

// copyNode copies the files of a node's directory, but for sockets.
func copyNode(t *testing.T, to, from string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		case !e.Type().IsRegular():
			return nil
		}
		return scratch.CopySparse(filepath.Join(to, name), path)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// damageOne damages a file of one of the stores, or the head.
func damageOne(t *testing.T, dir string, r *rand.Rand) (what string) {
	t.Helper()
	part := []string{home.MailDir, home.MailDir, home.IndexDir, home.ChainDir, home.MailHead}[r.IntN(5)]
	path := filepath.Join(dir, part)
	if part != home.MailHead {
		entries, err := os.ReadDir(path)
		if err != nil || len(entries) == 0 {
			t.Fatal(path, len(entries), err)
		}
		part = filepath.Join(part, entries[r.IntN(len(entries))].Name())
		path = filepath.Join(dir, part)
	}
	what, err := scratch.Damage(path, r)
	if err != nil {
		t.Fatal(err)
	}
	return part + " " + what
}
