package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cairn/consensus/verifier"
	"cairn/index"
	"cairn/index/query"
	"cairn/mailstore"
	"cairn/mailstore/message"
	"cairn/node/api"
	"cairn/smtpgw"
	"cairn/smtpgw/refuse"
	"cairn/smtpgw/trace"
)

const (
	searchLimit = 20 // messages a search returns unless told, at most api.MaxSearch
	indexWait   = 2 * time.Second
)

// Send submits a message as a session of the submission listener would.
func (n *Node) Send(ctx context.Context, r api.SendRequest) (*api.Sent, error) {
	submit := n.submitter.Submit
	if r.RequireTLS {
		submit = n.submitter.SubmitRequiringTLS
	}
	receipt, err := submit(ctx, trace.Peer{Addr: "local", Helo: n.cfg.Hostname, Protocol: trace.ProtocolLocal}, r.From, r.To, r.Raw)
	var refusal *refuse.Refusal
	var fault *smtpgw.FilterError
	switch {
	case errors.As(err, &refusal) && refusal.Temporary():
		return nil, api.Errorf(api.CodeTryLater, "send it again in a while", "sending: %s", refusal.Text)
	case errors.As(err, &refusal) && refusal.IsPolicy():
		return nil, api.Errorf(api.CodeNotAllowed, "correct the message or its addresses; those of the accounts here are shown by: cairn account ls",
			"sending: %s", refusal.Text)
	case errors.As(err, &refusal) && strings.HasSuffix(refusal.Text, smtpgw.UnsuppressCommand):
		return nil, api.Errorf(api.CodeInvalid, "use another address; those that mail is refused to, and whose, are shown by: cairn queue suppressed ls", "sending: %s", refusal.Text)
	case errors.As(err, &refusal):
		return nil, api.Errorf(api.CodeInvalid, "correct the message or its addresses", "sending: %s", refusal.Text)
	case errors.As(err, &fault):
		n.log.Error("submission failed", "err", err)
		return nil, api.Errorf(api.CodeTryLater,
			"run it over a message by hand, as submission.filter of "+ConfigFile+" has it: exit status 0 takes a message, 75 puts it off, 77 refuses it",
			"sending: %v; the message was not taken", fault)
	case errors.Is(err, mailstore.ErrDiskFull): // as the gateway has told the log
		return nil, api.Errorf(api.CodeTryLater, api.MakeRoom,
			"sending: %v; the message was not taken", cmp.Or(n.store.Room(), mailstore.ErrDiskFull))
	case err != nil:
		n.log.Error("submission failed", "err", err)
		return nil, api.Errorf(api.CodeTryLater, "the node's log tells why", "sending: a fault of the node kept it from taking the message")
	}
	sent := &api.Sent{Mail: receipt.Ref, MessageID: message.ParseHeader(receipt.Raw).MessageID, To: r.To}
	err = n.store.View(func(rd *mailstore.Reader) error {
		if sent.Ref, err = refOf(rd, receipt.Account, receipt.Message); err != nil {
			return err
		}
		return n.sayWaiting(rd, sent, mailstore.Ref{Account: receipt.Account, Message: receipt.Message})
	})
	return sent, err
}

// Search answers newest first.
func (n *Node) Search(ctx context.Context, r api.SearchRequest) (*api.SearchResult, error) {
	limit := r.Limit
	if limit <= 0 {
		limit = searchLimit
	}
	asked := index.Request{Limit: min(limit, api.MaxSearch), Offset: r.Offset}
	if r.After != "" {
		after, err := index.ParsePlace(r.After)
		if err != nil {
			return nil, api.Errorf(api.CodeUsage, "search without it, and take next from the answer", "finding the next page: %v", err)
		}
		asked.After = &after
	}
	found, err := n.find(ctx, r.Account, r.Query, asked)
	if err != nil {
		return nil, err
	}
	result := &api.SearchResult{Query: found.Query.String(), Both: found.Both, Behind: found.behind, Total: found.Total, Messages: []api.Summary{}}
	if found.Next != nil {
		result.Next = found.Next.String()
	}
	err = n.store.View(func(rd *mailstore.Reader) error {
		for _, hit := range found.Hits {
			s, err := row(rd, hit.Account, hit.Message)
			if errors.Is(err, mailstore.ErrNotFound) {
				continue // removed since the index looked
			}
			if err != nil {
				return err
			}
			result.Messages = append(result.Messages, *s)
		}
		return nil
	})
	return result, err
}

// searched is what the index answers.
type searched struct {
	index.Result
	behind uint64 // changes that it had not taken in
}

// find asks the index, which is given a moment to catch up, so that who has just been told of a
// mail finds it.
func (n *Node) find(ctx context.Context, account, text string, r index.Request) (f searched, err error) {
	r.Now = n.now()
	if r.Query, err = query.Parse(text, r.Now); err != nil {
		return f, api.Errorf(api.CodeUsage, "cairn search --help", "understanding the query: %v", err)
	}
	if r.Account, err = n.accountID(account); err != nil {
		return f, err
	}
	if r.Query, err = n.expand(account, r.Account, r.Query); err != nil {
		return f, err
	}
	stored, err := n.awaitIndex(ctx)
	if err != nil {
		return f, err
	}
	f.Result, err = n.index.Search(ctx, r)
	if errors.Is(err, index.ErrTooNear) {
		return f, api.Errorf(api.CodeUsage, "use a smaller distance, as in near/3, or rarer words", "searching: %v", err)
	}
	f.behind = uint64(max(stored, f.Cursor) - f.Cursor)
	return f, err
}

// awaitIndex lets the index catch up with what is stored now, for a while.
func (n *Node) awaitIndex(ctx context.Context) (stored mailstore.ModSeq, err error) {
	err = n.store.View(func(rd *mailstore.Reader) (err error) {
		stored, err = rd.ModSeq()
		return err
	})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, indexWait)
	defer cancel()
	if err := n.index.WaitFor(ctx, stored); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return 0, err
	}
	return stored, nil
}

// Message returns one message decoded for reading.
func (n *Node) Message(_ context.Context, ref string) (*api.Message, error) {
	var view *api.Message
	err := n.view(ref, func(rd *mailstore.Reader, account mailstore.AccountID, id mailstore.MessageID) error {
		s, m, err := summarise(rd, account, id)
		if err != nil {
			return err
		}
		stored, unread := rd.Message(account, id)
		if unread != nil && s.Damaged == "" {
			return unread
		}
		view = &api.Message{
			Summary: *s, Outgoing: stored.Outgoing, Recipients: append([]string{}, stored.Recipients...),
			Headers: []api.HeaderField{}, Attachments: []api.Attachment{},
		}
		if unread == nil { // else nothing says which text it has
			if err := nameMail(rd, stored, view); err != nil {
				return err
			}
			if stored.Outgoing {
				if err := n.viewSent(rd, mailstore.Ref{Account: account, Message: id}, view); err != nil {
					return err
				}
			}
		}
		for _, f := range m.Fields() {
			view.Headers = append(view.Headers, api.HeaderField{Name: f.Name, Value: f.Value})
		}
		for _, a := range m.Attachments {
			view.Attachments = append(view.Attachments, api.Attachment{Name: a.Name, Type: a.Type, Size: a.Size()})
		}
		f, err := verifier.Of(rd, mailstore.Ref{Account: account, Message: id})
		if errors.Is(err, mailstore.ErrDamaged) { // the mail is shown, without its verification
			f = nil
			view.Unverified, view.Next = n.unverified(err, s.Ref)
		} else if err != nil && !errors.Is(err, mailstore.ErrNotFound) {
			return err
		}
		if s.Damaged != "" {
			view.Verification = n.viewFinding(f)
			return nil
		}
		if view.Held, err = n.lists.WhyHeld(rd, stored); err != nil {
			return err
		}
		view.Text, view.Verification = readable(m, f), n.viewFinding(f)
		if f == nil {
			return nil
		}
		return n.viewFiling(rd, account, id, f, view)
	})
	return view, err
}

// nameMail tells by which ids the logs have a message.
func nameMail(rd *mailstore.Reader, m mailstore.Message, view *api.Message) error {
	raw, err := rd.Raw(m.Blob)
	if errors.Is(err, mailstore.ErrDamaged) {
		return nil // what is shown says so
	}
	if err != nil {
		return err
	}
	view.Mail, view.SentAs = smtpgw.MailIDs(raw)
	if m.Outgoing {
		view.SentAs = ""
	}
	return nil
}

// Raw returns a message byte for byte.
func (n *Node) Raw(_ context.Context, ref string) (*api.RawMessage, error) {
	view := &api.RawMessage{Ref: ref}
	err := n.view(ref, func(rd *mailstore.Reader, account mailstore.AccountID, id mailstore.MessageID) error {
		m, err := rd.Message(account, id)
		if err != nil {
			return notDamaged(err, ref)
		}
		view.Raw, err = rd.Raw(m.Blob)
		return notDamaged(err, ref)
	})
	return view, err
}

// Verify judges a message that need not be in the store.
func (n *Node) Verify(ctx context.Context, r api.VerifyRequest) (*api.Verification, error) {
	f, err := n.verifier.Inspect(ctx, r.Raw, r.Recipients)
	if err != nil {
		return nil, err
	}
	return n.viewFinding(f), nil
}

// summarise reads a message, and what a list shows of it.
func summarise(rd *mailstore.Reader, account mailstore.AccountID, id mailstore.MessageID) (*api.Summary, *message.Message, error) {
	stored, raw, labels, err := readMail(rd, account, id)
	if errors.Is(err, mailstore.ErrDamaged) {
		return summariseDamaged(rd, account, id, err)
	}
	if err != nil {
		return nil, nil, err
	}
	m := message.Parse(raw)
	s, err := summaryOf(rd, stored, m, labels)
	return s, m, err
}

// readMail reads all that is stored of one message.
func readMail(rd *mailstore.Reader, account mailstore.AccountID, id mailstore.MessageID) (m mailstore.Message, raw []byte, labels []string, err error) {
	if m, err = rd.Message(account, id); err != nil {
		return m, nil, nil, err
	}
	if raw, err = rd.Raw(m.Blob); err != nil {
		return m, nil, nil, err
	}
	labels, err = rd.Labels(account, id)
	return m, raw, labels, err
}

func people(list []message.Address) string {
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.Addr
		if a.Name != "" {
			names[i] = fmt.Sprintf("%s <%s>", a.Name, a.Addr)
		}
	}
	return strings.Join(names, ", ")
}

// refOf names a message to people: account name, slash, number.
func refOf(rd *mailstore.Reader, account mailstore.AccountID, id mailstore.MessageID) (string, error) {
	a, err := rd.Account(account)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s/%d", a.Name, id), nil
}

// parseRef reads what refOf writes. The name may hold slashes.
func parseRef(rd *mailstore.Reader, ref string) (mailstore.AccountID, mailstore.MessageID, error) {
	slash := strings.LastIndexByte(ref, '/')
	id, err := strconv.ParseUint(ref[slash+1:], 10, 64)
	if slash < 0 || err != nil {
		return 0, 0, api.Errorf(api.CodeInvalid, "cairn search", "%q does not name a message as account/number", ref)
	}
	name := ref[:slash]
	a, err := rd.AccountByName(name)
	if err != nil {
		return 0, 0, notFound(err, "cairn account ls", "there is no account %q", name)
	}
	return a.ID, mailstore.MessageID(id), nil
}

// view reads the message that ref names.
func (n *Node) view(ref string, fn func(*mailstore.Reader, mailstore.AccountID, mailstore.MessageID) error) error {
	return n.store.View(func(rd *mailstore.Reader) error {
		account, id, err := parseRef(rd, ref)
		if err != nil {
			return err
		}
		return notFound(fn(rd, account, id), "cairn search", "there is no message %s", ref)
	})
}

// accountID finds an account by name; 0 for "".
func (n *Node) accountID(name string) (id mailstore.AccountID, err error) {
	if name == "" {
		return 0, nil
	}
	err = n.store.View(func(rd *mailstore.Reader) error {
		a, err := rd.AccountByName(name)
		id = a.ID
		return notFound(err, "cairn account ls", "there is no account %q", name)
	})
	return id, err
}
