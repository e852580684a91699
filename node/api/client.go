package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
)

// Client speaks to the node in one directory. It is a Backend, and may be used from several
// goroutines.
type Client struct {
	dir  string
	http *http.Client
}

var _ Backend = (*Client)(nil)

// NewClient makes a client for the node in dir. It connects when first used; a call returns
// CodeNotRunning when no node answers there and CodeNotAllowed when the socket belongs to another
// user.
func NewClient(dir string) *Client {
	path := filepath.Join(dir, SocketFile)
	return &Client{dir: dir, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
		DisableCompression: true,
	}}}
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func call[A any](ctx context.Context, c *Client, path string, request any) (*A, error) {
	resp, err := c.ask(ctx, path, request)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer := new(A)
	if err := json.NewDecoder(resp.Body).Decode(answer); err != nil {
		return nil, c.transportError(path, err)
	}
	return answer, nil
}

// ask sends a request; the answer has begun when it returns, and the caller closes it.
func (c *Client) ask(ctx context.Context, path string, request any) (*http.Response, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://cairn"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.transportError(path, err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		var failed Failure
		if json.NewDecoder(resp.Body).Decode(&failed) != nil || failed.Error == nil {
			return nil, Errorf(CodeInternal, "look into the node's log", "asking the node: it answered %s", resp.Status)
		}
		failed.Error.answered = true
		return nil, failed.Error
	}
	return resp, nil
}

// Status asks how the node is.
func (c *Client) Status(ctx context.Context) (*Status, error) {
	return call[Status](ctx, c, pathStatus, selector{})
}

// Send submits a message.
func (c *Client) Send(ctx context.Context, r SendRequest) (*Sent, error) {
	return call[Sent](ctx, c, pathSend, r)
}

// Queries lists the queries that an account gave names.
func (c *Client) Queries(ctx context.Context, r QueriesRequest) (*NamedQueries, error) {
	return call[NamedQueries](ctx, c, pathQueries, r)
}

// PutQuery gives a query a name.
func (c *Client) PutQuery(ctx context.Context, r NamedQueryRequest) (*NamedQueries, error) {
	return call[NamedQueries](ctx, c, pathPutQuery, r)
}

// RemoveQuery takes a query and its name away.
func (c *Client) RemoveQuery(ctx context.Context, r NamedQueryRequest) (*NamedQueries, error) {
	return call[NamedQueries](ctx, c, pathRemoveQuery, r)
}

// Search finds messages.
func (c *Client) Search(ctx context.Context, r SearchRequest) (*SearchResult, error) {
	return call[SearchResult](ctx, c, pathSearch, r)
}

// Message reads a message.
func (c *Client) Message(ctx context.Context, ref string) (*Message, error) {
	return call[Message](ctx, c, pathMessage, selector{ref})
}

// Raw reads a message as stored.
func (c *Client) Raw(ctx context.Context, ref string) (*RawMessage, error) {
	return call[RawMessage](ctx, c, pathRaw, selector{ref})
}

// Verify judges a message.
func (c *Client) Verify(ctx context.Context, r VerifyRequest) (*Verification, error) {
	return call[Verification](ctx, c, pathVerify, r)
}

// Labels lists labels.
func (c *Client) Labels(ctx context.Context, account string) (*LabelList, error) {
	return call[LabelList](ctx, c, pathLabels, selector{account})
}

// SetLabels changes labels.
func (c *Client) SetLabels(ctx context.Context, r LabelRequest) (*MessageLabels, error) {
	return call[MessageLabels](ctx, c, pathSetLabels, r)
}

// Relabel changes the labels of several messages.
func (c *Client) Relabel(ctx context.Context, r RelabelRequest) (*Relabelled, error) {
	return call[Relabelled](ctx, c, pathRelabel, r)
}

// Accounts lists accounts.
func (c *Client) Accounts(ctx context.Context) (*AccountList, error) {
	return call[AccountList](ctx, c, pathAccounts, selector{})
}

// AddAccount makes an account.
func (c *Client) AddAccount(ctx context.Context, r AccountRequest) (*Account, error) {
	return call[Account](ctx, c, pathAddAccount, r)
}

// SetAccount sets a setting of an account.
func (c *Client) SetAccount(ctx context.Context, r SettingRequest) (*Account, error) {
	return call[Account](ctx, c, pathSetAccount, r)
}

// SetPassword sets the password of an account, or takes it back.
func (c *Client) SetPassword(ctx context.Context, r PasswordRequest) (*Account, error) {
	return call[Account](ctx, c, pathSetPassword, r)
}

// AddApp makes an app password.
func (c *Client) AddApp(ctx context.Context, r AppRequest) (*NewAppPassword, error) {
	return call[NewAppPassword](ctx, c, pathAddApp, r)
}

// RemoveApp takes an app password back.
func (c *Client) RemoveApp(ctx context.Context, r AppRequest) (*Account, error) {
	return call[Account](ctx, c, pathRemoveApp, r)
}

// AddAddress gives an account one more address.
func (c *Client) AddAddress(ctx context.Context, r AddressRequest) (*Account, error) {
	return call[Account](ctx, c, pathAddAddress, r)
}

// Forwards tells where mail of an account is sent on to.
func (c *Client) Forwards(ctx context.Context, account string) (*Forwards, error) {
	return call[Forwards](ctx, c, pathForwards, selector{account})
}

// AddForward has mail of an account sent on to one more address.
func (c *Client) AddForward(ctx context.Context, r ForwardRequest) (*Forwards, error) {
	return call[Forwards](ctx, c, pathAddForward, r)
}

// RemoveForward has mail of an account not sent on to an address any more.
func (c *Client) RemoveForward(ctx context.Context, r ForwardRequest) (*Forwards, error) {
	return call[Forwards](ctx, c, pathRemoveForward, r)
}

// RemoveAddress takes an address off an account.
func (c *Client) RemoveAddress(ctx context.Context, r AddressRequest) (*Account, error) {
	return call[Account](ctx, c, pathRemoveAddress, r)
}

// RemoveAccount removes an account.
func (c *Client) RemoveAccount(ctx context.Context, name string) (*Account, error) {
	return call[Account](ctx, c, pathRemoveAccount, selector{name})
}

// Forwarders lists who sends mail on to an account.
func (c *Client) Forwarders(ctx context.Context, account string) (*ForwarderList, error) {
	return call[ForwarderList](ctx, c, pathForwarders, selector{account})
}

// AddForwarders makes an account know who sends mail on to it.
func (c *Client) AddForwarders(ctx context.Context, r ForwarderRequest) (*ForwarderList, error) {
	return call[ForwarderList](ctx, c, pathAddForwarders, r)
}

// RemoveForwarders makes an account forget them.
func (c *Client) RemoveForwarders(ctx context.Context, r ForwarderRequest) (*ForwarderList, error) {
	return call[ForwarderList](ctx, c, pathRemoveForwarders, r)
}

// HostedLists lists the mailing lists of the node.
func (c *Client) HostedLists(ctx context.Context) (*HostedLists, error) {
	return call[HostedLists](ctx, c, pathHostedLists, selector{})
}

// PutHostedList makes or changes a mailing list.
func (c *Client) PutHostedList(ctx context.Context, r HostedListRequest) (*HostedList, error) {
	return call[HostedList](ctx, c, pathPutHostedList, r)
}

// RemoveHostedList removes a mailing list.
func (c *Client) RemoveHostedList(ctx context.Context, address string) (*HostedList, error) {
	return call[HostedList](ctx, c, pathRemoveHostedList, selector{address})
}

// Members lists the members of a mailing list.
func (c *Client) Members(ctx context.Context, address string) (*MemberList, error) {
	return call[MemberList](ctx, c, pathMembers, selector{address})
}

// Join makes addresses members of a mailing list.
func (c *Client) Join(ctx context.Context, r MembersRequest) (*MemberList, error) {
	return call[MemberList](ctx, c, pathJoin, r)
}

// Leave takes addresses off a mailing list.
func (c *Client) Leave(ctx context.Context, r MembersRequest) (*MemberList, error) {
	return call[MemberList](ctx, c, pathLeave, r)
}

// ChainStatus asks for the state of the chain.
func (c *Client) ChainStatus(ctx context.Context) (*ChainStatus, error) {
	return call[ChainStatus](ctx, c, pathChainStatus, selector{})
}

// Block reads a block.
func (c *Client) Block(ctx context.Context, which string) (*Block, error) {
	return call[Block](ctx, c, pathBlock, selector{which})
}

// Orgs lists organisations.
func (c *Client) Orgs(ctx context.Context, which string) (*OrgList, error) {
	return call[OrgList](ctx, c, pathOrgs, selector{which})
}

// Stays makes the node the one that goes on, of its copies.
func (c *Client) Stays(ctx context.Context) (*Stays, error) {
	return call[Stays](ctx, c, pathStays, selector{})
}

// Invite makes an invite.
func (c *Client) Invite(ctx context.Context) (*Invite, error) {
	return call[Invite](ctx, c, pathInvite, selector{})
}

// Claims tells who claims a domain.
func (c *Client) Claims(ctx context.Context, domain string) (*Claims, error) {
	return call[Claims](ctx, c, pathClaims, selector{domain})
}

// Trust pins a domain.
func (c *Client) Trust(ctx context.Context, r TrustRequest) (*Pin, error) {
	return call[Pin](ctx, c, pathTrust, r)
}

// Untrust takes a pin back.
func (c *Client) Untrust(ctx context.Context, domain string) (*Untrusted, error) {
	return call[Untrusted](ctx, c, pathUntrust, selector{domain})
}

// Transport says how mail for an organisation goes, or sets it.
func (c *Client) Transport(ctx context.Context, r TransportRequest) (*Transport, error) {
	return call[Transport](ctx, c, pathTransport, r)
}

// Pins lists pins.
func (c *Client) Pins(ctx context.Context) (*PinList, error) {
	return call[PinList](ctx, c, pathPins, selector{})
}

// Peers lists peers.
func (c *Client) Peers(ctx context.Context) (*PeerList, error) {
	return call[PeerList](ctx, c, pathPeers, selector{})
}

// Connect dials a peer.
func (c *Client) Connect(ctx context.Context, address string) (*Peer, error) {
	return call[Peer](ctx, c, pathConnect, selector{address})
}

// ListQueue lists the mail that is on its way out, of a selection.
func (c *Client) ListQueue(ctx context.Context, r QueueSelection) (*QueueList, error) {
	return call[QueueList](ctx, c, pathQueue, r)
}

// QueueEntry shows one entry of the queue.
func (c *Client) QueueEntry(ctx context.Context, r QueueRequest) (*QueueItem, error) {
	return call[QueueItem](ctx, c, pathQueueEntry, r)
}

// HoldQueue keeps mail from being carried.
func (c *Client) HoldQueue(ctx context.Context, r QueueRequest) (*QueueChanged, error) {
	return call[QueueChanged](ctx, c, pathHoldQueue, r)
}

// ReleaseQueue has mail carried again.
func (c *Client) ReleaseQueue(ctx context.Context, r QueueRequest) (*QueueChanged, error) {
	return call[QueueChanged](ctx, c, pathReleaseQueue, r)
}

// DropQueue takes mail off the queue.
func (c *Client) DropQueue(ctx context.Context, r QueueDrop) (*QueueChanged, error) {
	return call[QueueChanged](ctx, c, pathDropQueue, r)
}

// ListSuppressed lists the addresses that mail of an account is refused to, or with "" of all.
func (c *Client) ListSuppressed(ctx context.Context, account string) (*SuppressedList, error) {
	return call[SuppressedList](ctx, c, pathSuppressed, selector{account})
}

// Suppress has mail to an address refused.
func (c *Client) Suppress(ctx context.Context, r SuppressRequest) (*Suppressed, error) {
	return call[Suppressed](ctx, c, pathSuppress, r)
}

// Unsuppress has mail to an address taken again.
func (c *Client) Unsuppress(ctx context.Context, r SuppressRequest) (*Suppressed, error) {
	return call[Suppressed](ctx, c, pathUnsuppress, r)
}

// ListReports lists what other servers have reported about a domain, or with "" about all.
func (c *Client) ListReports(ctx context.Context, domain string) (*ReportList, error) {
	return call[ReportList](ctx, c, pathReports, selector{domain})
}

// ListSentReports lists what reports were sent to a domain, or with "" to all.
func (c *Client) ListSentReports(ctx context.Context, domain string) (*SentReportList, error) {
	return call[SentReportList](ctx, c, pathSentReports, selector{domain})
}

// Report returns one report.
func (c *Client) Report(ctx context.Context, r ReportRequest) (*Report, error) {
	return call[Report](ctx, c, pathReport, r)
}

// RetryQueue has mail tried again at once.
func (c *Client) RetryQueue(ctx context.Context, r QueueRequest) (*QueueRetried, error) {
	return call[QueueRetried](ctx, c, pathRetryQueue, r)
}

// Limits lists what counts against strangers and accounts.
func (c *Client) Limits(ctx context.Context) (*LimitList, error) {
	return call[LimitList](ctx, c, pathLimits, selector{})
}

// Forgive forgets what counts against a network or an account.
func (c *Client) Forgive(ctx context.Context, r ForgiveRequest) (*Forgiven, error) {
	return call[Forgiven](ctx, c, pathForgive, r)
}

// TLSKeys lists the keys of the servers' certificates.
func (c *Client) TLSKeys(ctx context.Context, name string) (*TLSKeys, error) {
	return call[TLSKeys](ctx, c, pathTLS, selector{name})
}

// RollTLS makes the next key of a name.
func (c *Client) RollTLS(ctx context.Context, name string) (*TLSKeys, error) {
	return call[TLSKeys](ctx, c, pathRollTLS, selector{name})
}

// CancelRollTLS gives it up.
func (c *Client) CancelRollTLS(ctx context.Context, name string) (*TLSKeys, error) {
	return call[TLSKeys](ctx, c, pathCancelRollTLS, selector{name})
}

// DKIM lists the keys that sign mail.
func (c *Client) DKIM(ctx context.Context, domain string) (*DKIMKeys, error) {
	return call[DKIMKeys](ctx, c, pathDKIM, selector{domain})
}

// Doctor looks for what is wrong.
func (c *Client) Doctor(ctx context.Context, r DoctorRequest) (*Diagnosis, error) {
	return call[Diagnosis](ctx, c, pathDoctor, r)
}

// RotateDKIM makes new ones.
func (c *Client) RotateDKIM(ctx context.Context, domain string) (*DKIMKeys, error) {
	return call[DKIMKeys](ctx, c, pathRotateDKIM, selector{domain})
}

// ReplaceDKIM makes new ones in place of stolen ones.
func (c *Client) ReplaceDKIM(ctx context.Context, domain string) (*DKIMKeys, error) {
	return call[DKIMKeys](ctx, c, pathReplaceDKIM, selector{domain})
}
