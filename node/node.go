package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"cairn/consensus"
	"cairn/consensus/chain"
	"cairn/consensus/mempool"
	"cairn/consensus/miner"
	"cairn/consensus/recorder"
	"cairn/consensus/verifier"
	"cairn/index"
	"cairn/mailstore"
	"cairn/mailstore/logration"
	"cairn/mailstore/outbox"
	"cairn/mailstore/passwords"
	"cairn/node/api"
	"cairn/node/home"
	"cairn/node/ops"
	"cairn/node/p2p"
	"cairn/smtpgw"
	"cairn/smtpgw/arrival"
	"cairn/smtpgw/courier"
	"cairn/smtpgw/lists"
	"cairn/smtpgw/milter"
	"cairn/smtpgw/reports/collect"
	"cairn/smtpgw/reports/outgoing"
)

// Node is one open node: every part constructed and connected.
type Node struct {
	memory     *memory // for the text of mail
	dir        string
	cfg        *Config
	id         *Identity
	formers    []formerRecorder // recorder keys before
	genesis    *consensus.Genesis
	enrol      *consensus.OrgEvent
	ownName    atomic.Pointer[eventName] // of enrol, see ownID
	started    time.Time                 // by this machine's clock
	elapsed    elapsed                   // since then
	now        func() time.Time          // the clock that the node goes by
	otherClock bool                      // now is not this machine's
	log        *slog.Logger
	relog      func(LogConfig) error
	hangup     <-chan struct{} // the configuration is to be read anew
	sending    courier.Sending

	store   *mailstore.Store
	index   *index.Index
	chainDB *badger.DB
	chain   *chain.Manager

	trust    *verifier.Trust
	verifier *verifier.Verifier
	filing   *smtpgw.Filing
	history  *smtpgw.History
	reports  *collect.Collector // of what other servers report
	outgoing *outgoing.Sender   // of what is reported to them
	pool     *mempool.Pool

	applications *applications // events that wait for the word of members
	keeping      sync.Mutex    // held while an event of ours is kept and given to the network, or taken back

	host  *p2p.Host
	miner *miner.Miner // nil: this node does not mine

	passwords   *passwords.Passwords
	certificate *certificate
	tlsKeys     *tlsKeys
	acmeFault   error // why no authority is asked, though the configuration wants it; nil: it is
	metrics     *ops.Metrics

	outside  *outsideRouter // nil: mail for others is returned
	dkim     *dkimKeys
	queue    *outbox.Queue
	recorder *recorder.Recorder
	courier  *courier.Courier
	lists    *lists.Distributor
	throttle *smtpgw.Throttle

	heldAccounts chan heldAccount // that are to be told of

	submitter  *smtpgw.Submitter
	submission *smtpgw.Server
	inbound    *smtpgw.Server
	milter     *milter.Server // nil: no mail server asks
	beside     *mailServer    // nil: there is none that has mailboxes

	listen listeners
	goesOn atomic.Bool // in this process, with another recorder key: the socket stays open

	enrolProblem  atomic.Pointer[string]    // why our enrolment is not taken into the mempool; nil: it is
	broughtAt     atomic.Int64              // see noteBrought
	ownSeen       atomic.Uint64             // see ownChangedKey
	othersSeen    atomic.Uint64             // see othersKey
	unbrought     logration.Trouble         // of our batches, see submitBatch
	hadRecorders  map[consensus.Key]uint64  // see recorderPrefix; read and noted at the start
	whole         atomic.Bool               // the chain was here as far as othersSeen since the start
	configProblem atomic.Pointer[api.Error] // why a change of the organisation in the configuration was not proposed; nil: it was, or there is none

	clockMu sync.Mutex
	clock   clockWatch // guarded by clockMu

	copies *copies

	crashes     bool         // what ends this process by a fault is to be kept
	stopCrashes func() error // nil: it is not
}

// listeners are open sockets; a nil one is switched off.
type listeners struct {
	submission, submissionTLS, inbound, milter, stream, operations, http, https net.Listener

	api *net.UnixListener
}

// Open constructs the node in dir and opens its stores and sockets; nothing
// runs yet, and ctx counts until it returns. The caller closes it.
func Open(ctx context.Context, dir string, log *slog.Logger) (*Node, error) {
	return OpenWith(ctx, dir, RunOptions{Log: log})
}

// OpenWith is Open with the options that are about what a node is like, not about its run.
func OpenWith(ctx context.Context, dir string, o RunOptions) (_ *Node, err error) {
	n := &Node{dir: dir, log: o.Log, relog: o.Relog, hangup: o.Reload, sending: o.Sending, started: time.Now(), now: o.Now, otherClock: o.Now != nil}
	n.elapsed = newElapsed(n.started)
	if n.log == nil {
		n.log = slog.New(slog.DiscardHandler)
	}
	if n.now == nil {
		n.now = time.Now
	}
	n.crashes = o.Crashes
	defer func() {
		if err == nil {
			return
		}
		n.Close()
		if config, ok := errors.AsType[*ConfigError](err); ok && config.File == "" {
			config.File = filepath.Join(dir, ConfigFile)
		}
	}()
	if fileExists(filepath.Join(dir, ConfigFile)) { // else it is no node's directory
		if err := home.Usable(dir); err != nil {
			return nil, err
		}
	}
	if n.cfg, err = LoadConfig(dir); err != nil {
		return nil, err
	}
	if n.id, err = loadIdentity(dir, true); err != nil {
		return nil, err
	}
	if open := home.Exposed(dir); len(open) > 0 {
		n.log.Warn("other users of this machine can read keys of this node", "files", strings.Join(open, " "), "try", n.typable("take that right away: chmod -R go= "+api.ShellWord(filepath.Join(dir, keysDir))))
	}
	if n.genesis, err = LoadNetwork(dir); err != nil {
		return nil, err
	}
	if n.enrol, err = LoadEnrol(dir); err != nil {
		return nil, err
	}
	if err := n.checkMembership(); err != nil {
		return nil, err
	}
	n.memory = newMemory(n.cfg.MaxMessageSize())
	if n.copies, err = openCopies(dir); err != nil {
		return nil, err
	}
	if n.dkim, err = openDKIM(dir); err != nil {
		return nil, err
	}
	if err := n.openStores(o.socket); err != nil {
		return nil, err
	}
	if err := clearStages(dir); err != nil {
		n.log.Warn("the folder of an init or join that was killed stays, with keys in it", "err", err, "try", n.typable("see that this user may remove it, and start the node again"))
	}
	if err := errors.Join(n.loadOwnSeen(), n.loadOthers(), n.loadRecorders()); err != nil {
		return nil, err
	}
	if err := n.changeRecorder(); err != nil {
		return nil, err
	}
	if o.Alone {
		if err := n.goAlone(ctx); err != nil {
			return nil, err
		}
	}
	for _, check := range []func() *api.Error{n.checkKeys, n.checkConfig} {
		if err := check(); err != nil {
			err.Message = "starting the node: " + err.Message
			return nil, err
		}
	}
	if err := n.claimStore(ctx); err != nil {
		return nil, err
	}
	if err := n.noteRecorders(ctx); err != nil {
		return nil, err
	}
	if err := n.connect(ctx); errors.Is(err, outbox.ErrLater) || errors.Is(err, verifier.ErrLater) {
		return nil, api.Errorf(api.CodeInvalid, itsVersion+"; else restore a backup of this node into another directory", "starting the node: %v", err)
	} else if err != nil {
		return nil, err
	}
	if err := n.openSockets(o.bound); err != nil {
		return nil, err
	}
	return n, nil
}

// part is the log of one part of the node, see logs.Parts.
func (n *Node) part(name string) *slog.Logger { return n.log.With("part", name) }

// connect constructs the parts around the stores.
func (n *Node) connect(ctx context.Context) (err error) {
	if n.trust, err = verifier.OpenTrust(n.store, lookupTXT); err != nil {
		return err
	}
	for _, domain := range n.trust.Damaged() {
		n.log.Error("what was decided about a domain is damaged, and nobody is trusted for it by a pin until that is decided anew", "domain", domain, "try", n.typable("cairn org trust "+domain))
	}
	if err := n.seedTrust(ctx); err != nil {
		return err
	}
	if err := n.ensurePostmaster(ctx); err != nil {
		return err
	}
	if err := n.reportTwins(); err != nil {
		return err
	}
	if err := n.reportCatchAll(); err != nil {
		return err
	}
	n.filing = smtpgw.NewFiling(n.cfg.Verdict.policy())
	n.verifier = verifier.New(n.store, n.chain, n.trust, verifier.Config{
		Threshold: n.cfg.Verdict.Threshold,
		Context:   n.cfg.Verdict.way(),
		Own:       verifier.Own{Key: n.enrol.Enrol().OrgKey, Domains: n.enrol.Enrol().Domains},

		Forwarders: knownForwarders,

		Now: n.now, Distrust: n.distrustClock,
	}, filer{n.filing}, n.part("verifier"))
	if err := n.verifier.Begin(ctx); err != nil {
		return err
	}
	n.history = smtpgw.NewHistory(n.store, authorOf, n.part("smtp"))
	n.reports = n.newCollector()

	n.applications = newApplications(n.viewIsOld)
	n.pool = mempool.New(mempool.DefaultPolicy(), n.trust.Conflict)
	bootstrap, err := bootstrapPeers(n.dir, n.cfg)
	if err != nil {
		return err
	}
	n.host, err = p2p.New(p2p.Config{
		Listen: n.cfg.P2P.Listen, Key: n.id.Node, Bootstrap: bootstrap, Agent: Software, HasAccount: n.hasAccount, Had: n.had, Now: n.now,
		Silent: func() bool { return n.copies.silent() != "" }, Copied: n.copied, Typable: n.typable,
	}, n.chain, waitingRoom{n.pool, n.applications}, n.part("p2p"))
	if err != nil {
		return n.unusable("p2p.listen", err, nextOfBind(err))
	}
	if share := n.cfg.MiningShare(); share > 0 {
		n.miner = miner.New(n.chain, n.pool, n.id.Recorder, share, n.host.PublishBlock, n.part("miner"))
		n.miner.SetClock(n.now)
		n.miner.SetWait(n.wait)
		n.miner.SetKey(n.miningKey)
	}

	n.index.SetTexts(n.memory.apart)
	n.passwords = passwords.New(n.store, n.now, n.homeFirst)
	if d, err := n.cfg.LDAP.open(n.now); err != nil {
		return err
	} else if d != nil {
		n.passwords.SetDirectory(d)
	}
	n.metrics = ops.NewMetrics(n.Status)
	if n.tlsKeys, err = openTLSKeys(n.dir); err != nil {
		return err
	}
	if n.certificate, err = openCertificate(n.cfg, n.dir, n.now, n.part("smtp")); err != nil {
		return err
	}
	if err := n.openIssued(); err != nil {
		return err
	}
	strangers, err := n.cfg.Limits.settings()
	if err != nil {
		return err
	}
	relays, err := n.cfg.Submission.relayNetworks()
	if err != nil {
		return err
	}
	strangers.Exempt = append(strangers.Exempt, relays...)
	n.heldAccounts = make(chan heldAccount, maxHeldTold)
	n.throttle = smtpgw.NewThrottle(strangers, n.noteHeld, n.part("smtp"))
	n.beside = newMailServer(n.cfg)
	gw := n.gatewayConfig()
	if gw.SubmissionFilter, err = n.filter("submission.filter", n.cfg.Submission.Filter); err != nil {
		return err
	}
	if gw.InboundFilter, err = n.filter("inbound.filter", n.cfg.Inbound.Filter); err != nil {
		return err
	}
	if n.outside, err = newOutside(n.cfg); err != nil {
		return err
	}
	n.queue = outbox.New(n.store)
	n.queue.SetUntilIncluded(n.heldUntilIncluded)
	n.queue.SetClock(n.now)
	n.queue.SetLog(n.part("queue"))
	if brought, err := n.queue.Upgrade(ctx); err != nil {
		return err
	} else if brought > 0 {
		n.log.Info("the queue was brought up from an earlier version", "entries", brought)
	}
	n.submitter = smtpgw.NewSubmitter(gw, n.store, n.queue)
	n.outgoing = n.newOutgoing()
	if n.outside != nil && n.cfg.Outbound.TLSReports {
		n.outside.sessions = n.outgoing.Session
	}
	if n.cfg.Inbound.DMARCReports {
		gw.Judged = n.countJudged
	}
	n.recorder = recorder.New(n.store, sealable{n.queue, n.isHere}, n.chain, n.id.Recorder, n.formerKeys(), n.knowsOwnRecords, n.submitBatch, n.part("recorder"))
	n.recorder.SetHolder(n.queue)
	n.recorder.SetTexts(n.memory.apart)
	n.recorder.SetNode(n.id.NodeKey(), n.hasRecorder)
	n.recorder.SetClock(n.now)
	n.recorder.SetSilent(n.copies.silent)
	n.recorder.SetLacks(n.lacks)
	if err := n.recorder.Begin(); err != nil {
		return fmt.Errorf("start the recorder: %w", err)
	}
	if err := n.dropFormers(); err != nil {
		return fmt.Errorf("look after former recorder keys: %w", err)
	}
	delivery := smtpgw.NewDelivery(gw, n.store, checker{n.verifier, n.id.NodeKey()}, n.filing,
		arrival.Sources{Arrival: n.arrivalSources(gw), Account: []arrival.AccountSource{n.history, smtpgw.SentOnBy{}}})
	delivery.ReportTo(n.queue)
	delivery.SetForwarding(n.forwarding())
	n.courier = courier.New(n.courierConfig(gw), n.queue, router{n}, delivery, n.part("queue"))
	n.lists = lists.NewDistributor(gw.Hostname, gw.Clock.Now, n.store, n.queue, listStanding, n.part("smtp"))
	n.lists.SetMarks(lists.Marks{Seal: n.sealChangedARC, Sign: n.signDKIM})
	n.submission = smtpgw.NewSubmission(gw, n.store, n.queue, n.part("smtp"))
	n.inbound = smtpgw.NewInbound(n.withBlocklists(inboundConfig(gw)), n.store, delivery, n.part("smtp"))
	n.milter = n.openMilter(gw, delivery)
	return nil
}

// openSockets binds what strangers and programs reach us by, where they did before if there was a
// before.
func (n *Node) openSockets(bound api.Listeners) (err error) {
	if n.listen.submission, err = n.bind("submission.listen", cmp.Or(bound.Submission, n.cfg.Submission.Listen)); err != nil {
		return err
	}
	if n.listen.submissionTLS, err = n.bind("submission.tls_listen", cmp.Or(bound.SubmissionTLS, n.cfg.Submission.TLSListen)); err != nil {
		return err
	}
	if n.listen.operations, err = n.bind("operations.listen", cmp.Or(bound.Operations, n.cfg.Operations.Listen)); err != nil {
		return err
	}
	if n.listen.http, err = n.bind("tls.http_listen", cmp.Or(bound.HTTP, n.cfg.TLS.HTTPListen)); err != nil {
		return err
	}
	if n.listen.https, err = n.bind("tls.https_listen", cmp.Or(bound.HTTPS, n.cfg.TLS.HTTPSListen)); err != nil {
		return err
	}
	if n.listen.inbound, err = n.bind("inbound.listen", cmp.Or(bound.Inbound, n.cfg.Inbound.Listen)); err != nil {
		return err
	}
	if n.listen.milter, err = n.bindMilter(); err != nil {
		return err
	}
	if n.listen.stream, err = n.host.ListenSMTP(); err != nil {
		return fmt.Errorf("listen for SMTP streams: %w", err)
	}
	return nil
}

// Close closes what Open opened, in the opposite order. Only call it when
// Serve has returned or was never called.
func (n *Node) Close() error {
	var errs []error
	all := []net.Listener{n.listen.submission, n.listen.submissionTLS, n.listen.inbound, n.listen.milter, n.listen.stream, n.listen.operations, n.listen.http, n.listen.https}
	if n.listen.api != nil {
		all = append(all, n.listen.api)
	}
	for _, l := range all {
		if l != nil {
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	if n.host != nil {
		errs = append(errs, n.host.Close())
	}
	if n.chainDB != nil {
		errs = append(errs, chain.CloseDB(n.chainDB))
	}
	if n.index != nil {
		errs = append(errs, n.index.Close())
	}
	if n.stopCrashes != nil {
		errs = append(errs, n.stopCrashes())
	}
	if n.store != nil {
		errs = append(errs, n.store.Close())
	}
	return errors.Join(errs...)
}
