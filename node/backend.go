package node

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"cairn/consensus"
	"cairn/consensus/record"
	"cairn/consensus/recorder"
	"cairn/mailstore"
	"cairn/node/api"
	"cairn/smtpgw/screen"
)

// A Node is what its own API serves.
var _ api.Backend = (*Node)(nil)

// Status tells how the node is.
func (n *Node) Status(ctx context.Context) (*api.Status, error) {
	chainStatus, err := n.ChainStatus(ctx)
	if err != nil {
		return nil, err
	}
	mail, position, err := n.mailStatus()
	if err != nil {
		return nil, err
	}
	copied, err := n.viewCopy()
	if err != nil {
		return nil, err
	}
	s := n.chain.State()
	peers := n.host.Peers()
	clock, _, _ := n.lookAtClock()
	org := n.summary(s, len(peers), n.now())
	if org.Overtaken, err = n.viewOvertaken(s); err != nil {
		return nil, err
	}
	return &api.Status{
		Software: Software, Directory: n.dir, Hostname: n.cfg.Hostname, Started: n.started.UTC(),
		Org: org, Chain: *chainStatus, Listen: n.listening(), Peers: len(peers), Mail: *mail,
		Clock: clock, Index: *position, PeersByOrg: peersByOrg(s, peers), SilentPeers: n.silentPeers(),
		Copy: copied, Twice: n.twice(s), Certificates: n.viewCertificates(), Policy: n.viewPolicy(),
	}, nil
}

func (n *Node) listening() api.Listeners {
	l := api.Listeners{P2P: n.host.Addrs()}
	if n.listen.submission != nil {
		l.Submission = n.listen.submission.Addr().String()
	}
	if n.listen.submissionTLS != nil {
		l.SubmissionTLS = n.listen.submissionTLS.Addr().String()
	}
	if n.listen.milter != nil {
		l.Milter = n.cfg.Milter.Listen
	}
	if n.listen.operations != nil {
		l.Operations = n.listen.operations.Addr().String()
	}
	if n.listen.http != nil {
		l.HTTP = n.listen.http.Addr().String()
	}
	if n.listen.https != nil {
		l.HTTPS = n.listen.https.Addr().String()
	}
	if n.listen.inbound != nil {
		l.Inbound = n.listen.inbound.Addr().String()
	}
	return l
}

// NextCheck is what helps where something of the mail store was found damaged while the node runs.
const NextCheck = "the log names the first of it, and all, with the node stopped: cairn check"

// mailStatus counts mail. Counting messages reads the label counts only.
func (n *Node) mailStatus() (*api.MailStatus, *api.IndexStatus, error) {
	st, position := new(api.MailStatus), new(api.IndexStatus)
	err := n.store.View(func(rd *mailstore.Reader) error {
		accounts, err := rd.Accounts()
		if err != nil {
			return err
		}
		st.Accounts = len(accounts)
		for _, a := range accounts {
			counts, err := rd.LabelCounts(a.ID)
			if err != nil {
				return err
			}
			st.Pending += counts[screen.VerdictLabel(record.Pending)]
			total, err := rd.MessageCount(a.ID)
			if err != nil {
				return err
			}
			st.Messages += total
		}
		w, err := n.recorder.Status(rd)
		if err != nil {
			return err
		}
		st.Batches, st.Sealed, st.Halted, st.Next, st.ForGood = w.Batches, w.Copies, w.Why, w.Next, w.Ends
		if st.Next == recorder.NextStatus {
			st.Next = "" // this is its answer, and says what the enrolment waits for
		}
		st.Epoch = recordsIn(&w)
		if st.CutOff, err = n.cutOffAddresses(rd); err != nil {
			return err
		}
		modseq, err := rd.ModSeq()
		position.Journal, position.Cursor = uint64(modseq), uint64(min(modseq, n.index.Cursor()))
		position.Lag = position.Journal - position.Cursor
		st.IndexLag = int(position.Lag)
		return err
	})
	if full := n.store.Room(); full != nil {
		st.Full, st.FullNext = full.Error(), api.MakeRoom
	}
	if st.Damaged = n.store.Damaged(); st.Damaged > 0 {
		st.DamagedNext = NextCheck
	}
	st.Held, st.Unsigned = n.queue.LenHeld(), n.unsigned()
	for _, c := range []struct {
		to    *int
		count func() (int, error)
	}{{&st.Queued, n.queue.Len}, {&st.Unsealed, n.queue.LenUnsealed}, {&st.Deferred, n.queue.LenDeferred}, {&st.ByHand, n.queue.LenHeldByHand}} {
		if err == nil {
			*c.to, err = c.count()
		}
	}
	return st, position, err
}

// recordsIn is the epoch in which this node records; empty while it records nothing.
func recordsIn(w *recorder.Waiting) string {
	if w.Epoch == 0 || w.Why != "" {
		return ""
	}
	return strconv.FormatUint(w.Epoch, 10)
}

// unixMilli is the time of a consensus timestamp.
func unixMilli(ms uint64) time.Time { return time.UnixMilli(int64(ms)).UTC() }

// orgName names the organisation that a recorder key belongs to.
func orgName(s *consensus.State, recorder consensus.Key) string {
	if org, ok := s.OrgByRecorder(recorder); ok {
		return org.Name
	}
	return ""
}

// notFound turns a store's "not found" into an answer.
func notFound(err error, hint, format string, args ...any) error {
	if errors.Is(err, mailstore.ErrNotFound) {
		return api.Errorf(api.CodeNotFound, hint, "%s", fmt.Sprintf(format, args...))
	}
	return err
}
