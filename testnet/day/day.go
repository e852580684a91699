package day

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cairn/mailstore"
	"cairn/node"
	"cairn/node/api"
	"cairn/smtpgw/courier"
	"cairn/smtpgw/dsn"
	"cairn/testnet"
)

// Report says how the day went.
type Report struct {
	In         int      `json:"in"` // mails that were handed over, as below
	Out        int      `json:"out"`
	Domains    int      `json:"domains"`
	Hosts      int      `json:"hosts"` // that serve them
	DaySeconds float64  `json:"day_seconds"`
	Seconds    float64  `json:"seconds"`  // until all was settled
	Behind     float64  `json:"behind"`   // seconds that the last mail was handed over later than planned
	PutOff     int      `json:"put_off"`  // replies 4xx of the node to whom it could take mail from later
	Rows       []Row    `json:"outgoing"` // by kind of domain
	Queued     int      `json:"queued"`   // entries at the end
	Suppressed int      `json:"suppressed"`
	First      Delay    `json:"first_delivery"` // from the 250 to the server of a domain that is well
	Memory     Memory   `json:"memory"`
	Problems   []string `json:"problems"`
}

// Delay is how long something took, in seconds.
type Delay struct {
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
	Most   float64 `json:"most"`
}

// ErrNoLoopback is that the world cannot have the addresses that it needs.
var ErrNoLoopback = errors.New("this machine does not let servers listen at 127.77.0.1 and the like: all of 127.0.0.0/8 has to be loopback, as on Linux")

const (
	// settleAtLeast is how long after the day what is under way may take, however short the day.
	settleAtLeast = 2 * time.Minute
	// expireAtLeast keeps mail from being returned on a short day that takes long.
	expireAtLeast = 30 * time.Minute

	inSessions, outSessions = 8, 4 // side by side
	perSession              = 50   // mails in one
	attempts                = 20   // to hand a mail over, while the node says 4xx
)

// sendingOn is how the node sends mail on on a day of that length.
func sendingOn(length time.Duration) courier.Sending {
	short := func(d time.Duration) time.Duration {
		return max(time.Millisecond, time.Duration(float64(d)*float64(length)/float64(24*time.Hour)))
	}
	return courier.Sending{
		FirstRetry: short(5 * time.Second), MaxRetry: short(time.Hour), Gather: short(5 * time.Minute),
		Delay: short(4 * time.Hour), Expire: max(expireAtLeast, short(5*24*time.Hour)),
	}
}

// day is one that is being lived.
type day struct {
	o      *Options
	plan   *plan
	world  *world
	site   *testnet.Member
	memory *memory
	begin  time.Time

	behind   atomic.Int64 // ns
	putOff   atomic.Int64
	done     atomic.Int64
	mu       sync.Mutex
	accepted map[string]time.Time // mails out, by recipient
	problems []string
}

// Run lives a day. Problems are in the report; an error is that it could not be lived to its end.
func Run(ctx context.Context, o Options) (_ *Report, err error) {
	d := &day{o: &o, accepted: map[string]time.Time{}}
	dir, remove, err := folder(o.Dir)
	if err != nil {
		return nil, err
	}
	defer remove()
	logFile, err := os.Create(filepath.Join(dir, "day.log"))
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	const home = "alpha.test" // of the network's first member
	d.plan = makePlan(&o, home)
	d.world, err = newWorld(ctx, d.plan, o.Length/(24*60*60), func() string { return d.site.InboundAddr() })
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoLoopback, err)
	}
	defer d.world.close()
	names, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer names.Close()
	go newZone(d.plan).serve(names)
	defer node.InWorld(node.World{DNS: resolver(names.LocalAddr().String()), Port: d.world.port})()

	network, err := testnet.NewNetwork(ctx, dir, 1, "10%", slog.New(slog.NewTextHandler(logFile, nil)))
	if err != nil {
		return nil, err
	}
	network.Sending = sendingOn(o.Length)
	if d.site, err = network.Add(ctx); err != nil {
		return nil, errors.Join(err, network.Stop())
	}
	defer func() { err = errors.Join(err, network.Stop()) }()
	if err := network.AwaitMembers(ctx); err != nil {
		return nil, err
	}
	for i := range accounts {
		if _, err := d.site.AddAccount(ctx, api.AccountRequest{Name: account(i)}); err != nil {
			return nil, err
		}
	}
	return d.live(ctx)
}

// folder is where the node keeps its data, and what to do with it in the end.
func folder(dir string) (string, func(), error) {
	if dir == "" {
		dir, err := os.MkdirTemp("", "cairn-day-")
		return dir, func() { os.RemoveAll(dir) }, err
	}
	return dir, func() {}, os.MkdirAll(dir, 0o700)
}

func (d *day) live(ctx context.Context) (*Report, error) {
	d.memory = watchMemory(ctx)
	defer d.memory.stop()
	d.begin = time.Now()
	if err := d.send(ctx); err != nil {
		return nil, err
	}
	quarters := d.memory.quarters()
	f, queued, err := d.settle()
	if err != nil {
		return nil, err
	}
	r := &Report{
		Domains: len(d.plan.domains), Hosts: d.plan.hosts, DaySeconds: d.o.Length.Seconds(), Seconds: round(time.Since(d.begin)),
		Behind: round(time.Duration(d.behind.Load())), PutOff: int(d.putOff.Load()), Queued: queued, First: d.delays(), Memory: quarters,
	}
	for _, m := range d.plan.mails {
		if m.out {
			r.Out++
		} else {
			r.In++
		}
	}
	r.Rows, r.Problems = d.plan.account(f)
	r.Problems = append(r.Problems, d.problems...)
	if problem := quarters.problem(); problem != "" {
		r.Problems = append(r.Problems, problem)
	}
	d.world.mu.Lock()
	if d.world.fault != nil {
		r.Problems = append(r.Problems, d.world.fault.Error())
	}
	d.world.mu.Unlock()
	list, err := d.site.ListSuppressed(ctx, "")
	if err != nil {
		return nil, err
	}
	r.Suppressed = len(list.Addresses)
	if gone := d.plan.gone(); r.Suppressed != gone {
		r.Problems = append(r.Problems, fmt.Sprintf("%d addresses are suppressed, %d were said to be gone", r.Suppressed, gone))
	}
	return r, nil
}

// gone is how many recipients there are whose servers say that they are not there.
func (p *plan) gone() (n int) {
	for _, m := range p.mails {
		for _, to := range m.to {
			if strings.HasPrefix(to, goneName) || strings.HasPrefix(to, lateName) {
				n++
			}
		}
	}
	return n
}

func round(d time.Duration) float64 { return d.Round(time.Millisecond).Seconds() }

// send hands all mails over, each when its time has come.
func (d *day) send(ctx context.Context) error {
	in, out := make(chan *mail), make(chan *mail)
	var work sync.WaitGroup
	for range inSessions {
		work.Go(func() { d.hand(ctx, in, d.site.InboundAddr()) })
	}
	for range outSessions {
		work.Go(func() { d.hand(ctx, out, d.site.SubmissionAddr()) })
	}
	for _, m := range d.plan.mails {
		due := time.Duration(float64(m.at) * float64(d.o.Length) / float64(24*time.Hour))
		if wait := due - time.Since(d.begin); wait > 0 {
			if err := d.world.pause(wait); err != nil {
				break
			}
		} else {
			d.behind.Store(int64(-wait))
		}
		to := in
		if m.out {
			to = out
		}
		select {
		case to <- m:
		case <-ctx.Done():
		}
	}
	close(in)
	close(out)
	work.Wait()
	return ctx.Err()
}

// hand carries mails to a listener of the node, in sessions of some mails each.
func (d *day) hand(ctx context.Context, mails <-chan *mail, addr string) {
	var c *testnet.Client
	n := 0
	for m := range mails {
		if ctx.Err() != nil {
			continue
		}
		raw := m.compose()
		for i := 0; ; i++ {
			err := d.transact(&c, addr, m, raw)
			if err == nil {
				break
			}
			refused, isRefused := errors.AsType[*textproto.Error](err)
			if isRefused && refused.Code < 500 && i < attempts && ctx.Err() == nil {
				d.putOff.Add(1)
				d.world.pause(100 * time.Millisecond)
				continue
			}
			d.problem("mail %s was not taken: %v", m.id, err)
			break
		}
		if n++; n%perSession == 0 && c != nil {
			c.Quit()
			c = nil
		}
		done := int(d.done.Add(1))
		if d.o.Progress != nil {
			d.o.Progress(done)
		}
	}
	if c != nil {
		c.Quit()
	}
}

func (d *day) transact(c **testnet.Client, addr string, m *mail, raw []byte) (err error) {
	if *c == nil {
		if *c, err = testnet.DialSMTP(addr); err != nil {
			return err
		}
	}
	if err := (*c).Send(m.from, m.to, raw); err != nil {
		(*c).Close()
		*c = nil
		return err
	}
	if m.out {
		d.mu.Lock()
		for _, to := range m.to {
			d.accepted[to] = time.Now()
		}
		d.mu.Unlock()
	}
	return nil
}

func (d *day) problem(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.problems = append(d.problems, fmt.Sprintf(format, args...))
}

// compose writes a mail.
func (m *mail) compose() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nSubject: mail %s\r\nMessage-ID: <%s>\r\nDate: %s\r\n\r\n", m.from, strings.Join(m.to, ", "), m.id, m.id,
		time.Now().Format(time.RFC1123Z))
	for line := 0; b.Len() < m.text; line++ {
		fmt.Fprintf(&b, "Line %d of the text of this mail, which says little and is of no great use.\r\n", line)
	}
	return b.Bytes()
}

// settle waits until the day is over and all is where it belongs, or does not get there.
func (d *day) settle() (f *found, queued int, err error) {
	over := d.begin.Add(d.o.Length)
	latest := time.Now().Add(max(settleAtLeast, d.o.Length/2))
	if over.After(time.Now()) {
		latest = latest.Add(time.Until(over))
	}
	for {
		waiting, to, err := d.queue()
		if err != nil {
			return nil, 0, err
		}
		late := !time.Now().Before(latest)
		if late || d.plan.settled(to, d.world) && time.Now().After(over) {
			if f, err = d.look(waiting); err != nil {
				return nil, 0, err
			}
			if _, problems := d.plan.account(f); late || len(problems) == 0 {
				return f, len(waiting), nil
			}
		}
		if err := d.world.pause(time.Second); err != nil {
			return nil, 0, err
		}
	}
}

// queue lists recipients that wait, with the senders' addresses.
func (d *day) queue() (waiting map[string]int, to []string, err error) {
	entries, err := d.site.Queue().List(0, 1<<30)
	waiting = map[string]int{}
	for i := range entries {
		for _, rcpt := range entries[i].Recipients {
			waiting[rcpt]++
			to = append(to, rcpt)
		}
	}
	return waiting, to, err
}

// look reads all mailboxes.
func (d *day) look(waiting map[string]int) (*found, error) {
	f := newFound()
	planned := map[string]bool{}
	for _, m := range d.plan.mails {
		for _, to := range m.to {
			planned[to] = m.out
		}
	}
	for to, n := range waiting {
		if f.queued[to] = n; !planned[to] {
			f.strange = append(f.strange, "in the queue is mail for "+to)
		}
	}
	d.world.mu.Lock()
	for to, n := range d.world.taken {
		if f.servers[to] = n; !planned[to] {
			f.strange = append(f.strange, "a server took mail for "+to)
		}
	}
	d.world.mu.Unlock()
	for i := range accounts {
		if err := d.site.Store().View(func(rd *mailstore.Reader) error { return d.readMailbox(f, rd, i, planned) }); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// readMailbox notes what is in the mailbox of an account.
func (d *day) readMailbox(f *found, rd *mailstore.Reader, user int, planned map[string]bool) error {
	a, err := rd.AccountByName(account(user))
	if err != nil {
		return err
	}
	stored, err := rd.Messages(a.ID, 0, 1<<30)
	if err != nil {
		return err
	}
	for i := range stored {
		if stored[i].Outgoing {
			sent, err := d.site.Queue().SentOf(rd, stored[i].Ref())
			if err != nil {
				return err
			}
			for _, o := range sent.Outcomes {
				f.outcomes[o.Recipient] = o.State
			}
			continue
		}
		raw, err := rd.Raw(stored[i].Blob)
		if err != nil {
			return err
		}
		f.arrived(raw, user, fmt.Sprintf("%s/%d", account(user), stored[i].ID), planned)
	}
	return nil
}

// arrived notes one mail that is in a mailbox, which has that name.
func (f *found) arrived(raw []byte, user int, name string, planned map[string]bool) {
	report, err := dsn.Parse(raw)
	if errors.Is(err, dsn.ErrNone) {
		f.inbox[inboxKey(messageID(raw), user)]++
		return
	}
	if err != nil {
		f.strange = append(f.strange, fmt.Sprintf("the report %s cannot be read: %v", name, err))
		return
	}
	for _, r := range report.Recipients {
		switch {
		case !planned[r.Final]:
			f.strange = append(f.strange, fmt.Sprintf("the report %s is about %s", name, r.Final))
		case r.Action == "failed":
			f.failures[r.Final] = append(f.failures[r.Final], name)
		case r.Action == "delayed":
			f.delays[r.Final]++
		}
	}
}

// messageID is the Message-ID of a mail, without the brackets.
func messageID(raw []byte) string {
	header, _, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	for line := range bytes.Lines(header) {
		if name, value, _ := bytes.Cut(line, []byte(":")); strings.EqualFold(string(name), "Message-ID") {
			return strings.Trim(string(bytes.TrimSpace(value)), "<>")
		}
	}
	return ""
}

// delays are those of mail to domains that are well.
func (d *day) delays() (l Delay) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.world.mu.Lock()
	defer d.world.mu.Unlock()
	var all []time.Duration
	for _, m := range d.plan.mails {
		for _, to := range m.to {
			if at, taken := d.world.when[to]; taken && m.kind == Well {
				all = append(all, max(0, at.Sub(d.accepted[to])))
			}
		}
	}
	if len(all) == 0 {
		return l
	}
	slices.Sort(all)
	return Delay{round(all[len(all)/2]), round(all[len(all)*99/100]), round(all[len(all)-1])}
}
