package mailstore_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"cairn/mailstore"
)

// Writers of a process that is killed do deeds, each of them one Update. What a deed does follows
// from its writer, its number and what the writer's account holds, so who watches knows it too.

const writers = 4

// deedSpace has the value of each writer's key: the number of deeds done and of the last message, 8
// octets each.
const deedSpace = "deeds"

func writerName(w int) string { return fmt.Sprintf("writer%d", w) }

// content stands for octets, that two messages may have in common.
type content struct {
	seed uint64
	size int
}

func (c content) raw() []byte {
	b := make([]byte, 0, c.size+8)
	for r := rand.New(rand.NewPCG(c.seed, 1)); len(b) < c.size; {
		b = binary.BigEndian.AppendUint64(b, r.Uint64())
	}
	return b[:c.size]
}

// someContent has often less than what goes to a value log, and is one of a few that all writers
// share at times.
func someContent(r *rand.Rand) content {
	if r.IntN(3) == 0 {
		seed := r.Uint64N(6)
		return content{seed, 300 + int(seed)*700}
	}
	return content{r.Uint64(), 1 + r.IntN([]int{900, 4000, 30_000}[r.IntN(3)])}
}

type actionKind int

const (
	addMessage actionKind = iota
	setLabels
	removeMessage
	putKey
	deleteKey
)

// action is one step of a deed.
type action struct {
	kind        actionKind
	id          mailstore.MessageID
	content     content
	add, remove []string
	key         string
}

// most is how many messages an account may have: then some are removed.
const most = 24

// deed is what a writer does as number n, where ids are its messages and last the one that was
// added last.
func deed(w int, n uint64, ids []mailstore.MessageID, last mailstore.MessageID) (list []action) {
	r := rand.New(rand.NewPCG(uint64(w), n))
	some := func() (set []string) {
		for _, l := range labelNames {
			if r.IntN(2) == 0 {
				set = append(set, l)
			}
		}
		return set
	}
	ids = slices.Clone(ids)
	for range 1 + r.IntN(4) {
		a := action{kind: actionKind(r.IntN(5)), key: fmt.Sprintf("%s/%d", writerName(w), r.IntN(20)), content: someContent(r)}
		if a.kind == addMessage && len(ids) >= most {
			a.kind = removeMessage
		}
		if len(ids) == 0 && (a.kind == setLabels || a.kind == removeMessage) {
			a.kind = addMessage
		}
		switch a.kind {
		case addMessage:
			last++
			a.id, a.add = last, some()
			ids = append(ids, last)
		case setLabels:
			a.id, a.add, a.remove = ids[r.IntN(len(ids))], some(), some()
		case removeMessage:
			i := r.IntN(len(ids))
			a.id = ids[i]
			ids = slices.Delete(ids, i, i+1)
		case putKey:
			a.content.size = min(a.content.size, 3000)
		}
		list = append(list, a)
	}
	return list
}

// progress reads how far a writer is.
func progress(r *mailstore.Reader, w int) (done uint64, last mailstore.MessageID, err error) {
	b, err := r.Space(deedSpace).Get([]byte(writerName(w)))
	if errors.Is(err, mailstore.ErrNotFound) {
		return 0, 0, nil
	}
	if err == nil && len(b) != 16 {
		err = fmt.Errorf("progress of %d octets", len(b))
	}
	if err != nil {
		return 0, 0, err
	}
	return binary.BigEndian.Uint64(b), mailstore.MessageID(binary.BigEndian.Uint64(b[8:])), nil
}

// do does a writer's next deed and returns its number.
func do(s *mailstore.Store, w int) (n uint64, err error) {
	err = s.Update(context.Background(), func(tx *mailstore.Tx) error {
		a, err := tx.AccountByName(writerName(w))
		if err != nil {
			return err
		}
		done, last, err := progress(&tx.Reader, w)
		if err != nil {
			return err
		}
		stored, err := tx.Messages(a.ID, 0, 2*most)
		if err != nil {
			return err
		}
		var ids []mailstore.MessageID
		for _, m := range stored {
			ids = append(ids, m.ID)
		}
		n = done + 1
		for _, step := range deed(w, n, ids, last) {
			if err := step.do(tx, a.ID, &last); err != nil {
				return err
			}
		}
		b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, n), uint64(last))
		return tx.Space(deedSpace).Put([]byte(writerName(w)), b)
	})
	return n, err
}

func (a action) do(tx *mailstore.Tx, account mailstore.AccountID, last *mailstore.MessageID) (err error) {
	switch a.kind {
	case addMessage:
		*last, err = add(tx, account, a.content.raw(), a.add...)
		if err == nil && *last != a.id {
			err = fmt.Errorf("number %d, want %d", *last, a.id)
		}
		return err
	case setLabels:
		return tx.SetLabels(account, a.id, a.add, a.remove)
	case removeMessage:
		return tx.RemoveMessage(account, a.id)
	case putKey:
		return tx.Space("s").Put([]byte(a.key), a.content.raw())
	}
	return tx.Space("s").Delete([]byte(a.key))
}
