package limits

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var began = time.Unix(1_800_000_000, 0)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// many counts how many of so many events a second apart are not in the way.
func many(t *Table, e Event, from string, n int, at time.Time) (taken int) {
	for range n {
		if t.Decide(e, addr(from), at).Answer == Proceed {
			taken++
		}
	}
	return taken
}

// A rate lets so many through at once, then each after its share of the time; a network has more.
func TestRates(t *testing.T) {
	for _, e := range []Event{Connection, Message, Recipient} {
		rate := Rate{10, 10 * time.Second}
		table := New(Config{Connections: rate, Messages: rate, Recipients: rate, NetworkShare: 2}, began)
		for _, step := range []struct {
			from    string
			at      time.Duration
			n, want int
		}{
			{"192.0.2.1", 0, 30, 10},
			{"192.0.2.2", 0, 30, 10},
			{"192.0.2.3", 0, 30, 0}, // the network has had its share
			{"198.51.100.1", 0, 30, 10},
			{"192.0.2.1", time.Second, 30, 1},
			{"192.0.2.1", 4 * time.Second, 30, 3},
			{"192.0.2.1", time.Hour, 30, 10},
			{"2001:db8:0:1::1", 0, 10, 10},
			{"2001:db8:0:1:ffff::1", 0, 10, 0}, // the same /64
			{"2001:db8:0:2::1", 0, 30, 10},
			{"2001:db8:0:3::1", 0, 30, 0}, // the same /48
			{"2001:db8:1::1", 0, 30, 10},
			{"::ffff:203.0.113.1", 0, 8, 8},
			{"203.0.113.1", 0, 8, 2},
		} {
			if got := many(table, e, step.from, step.n, began.Add(step.at)); got != step.want {
				t.Errorf("event %d: %s after %s: %d of %d, want %d", e, step.from, step.at, got, step.n, step.want)
			}
		}
		if d := table.Decide(e, addr("192.0.2.9"), began); d.Answer != TooFast || d.Prefix != netip.MustParsePrefix("192.0.2.0/24") {
			t.Errorf("the network is too fast: %+v", d)
		}
	}
}

// Failures are met with delay, then with bans that grow; who keeps still for a day begins anew.
func TestFailures(t *testing.T) {
	const from = "192.0.2.1"
	table := New(Config{Failures: Rate{20, time.Minute}, Ban: time.Minute, MaxBan: 3 * time.Minute}, began)
	now, last := began, time.Duration(0)
	fail := func(e Event) Decision { return table.Decide(e, addr(from), now) }
	for i := range 20 {
		d := fail(UnknownRecipient)
		if d.Answer != Proceed || d.Delay < last || (i < 10) != (d.Delay == 0) || d.Delay > 5*time.Second {
			t.Fatalf("failure %d: %+v after a delay of %s", i, d, last)
		}
		last = d.Delay
	}
	for _, want := range []time.Duration{time.Minute, 2 * time.Minute, 3 * time.Minute, 3 * time.Minute} {
		for d := fail(ProtocolError); ; d = fail(ProtocolError) {
			if d.Answer == Banned {
				if !d.New || d.Left != want || d.Prefix != netip.MustParsePrefix(from+"/32") {
					t.Fatalf("a ban %+v, want %s", d, want)
				}
				break
			}
		}
		for _, e := range []Event{Connection, Message, Recipient, UnknownRecipient} {
			if d := fail(e); d.Answer != Banned || d.New {
				t.Errorf("event %d in the ban: %+v", e, d)
			}
		}
		if d := table.Decide(Connection, addr("192.0.2.2"), now); d.Answer != Proceed {
			t.Errorf("a neighbour: %+v", d)
		}
		now = now.Add(want)
		if d := fail(Connection); d.Answer != Proceed {
			t.Errorf("after the ban: %+v", d)
		}
	}
	now = now.Add(4 * time.Minute)
	for d := fail(EarlyTalker); ; d = fail(EarlyTalker) {
		if d.Answer == Banned {
			if d.Left != time.Minute {
				t.Errorf("a ban after a long time: %+v", d)
			}
			return
		}
	}
}

// Who looks for mailboxes is banned; a provider that brings mail of many is not, whatever one of
// its users does: it is put off for what is not here alone.
func TestUnknownRecipients(t *testing.T) {
	const from = "192.0.2.1"
	name := func(t *Table, known, unknown int, at time.Time) (d Decision) {
		for range known {
			t.Decide(Recipient, addr(from), at)
		}
		for range unknown {
			t.Decide(Recipient, addr(from), at)
			if d = t.Decide(UnknownRecipient, addr(from), at); d.Answer == Banned {
				return d
			}
		}
		return d
	}
	for _, tt := range []struct {
		name           string
		known, unknown int
		then           Event
		want           Answer // of the last unknown one
		wantThen       Answer
	}{
		{"a scanner", 0, 121, Recipient, Banned, Banned},
		{"a scanner within its rate", 0, 120, Recipient, Proceed, Proceed},
		{"a scanner that finds a few", 20, 121, Recipient, Banned, Banned},
		{"a provider with a spammer among its users", 100, 200, Recipient, TooFast, Proceed},
		{"the same, and a slip of its own", 100, 200, ProtocolError, TooFast, Proceed},
		{"a provider with a few that have moved", 1000, 100, Recipient, Proceed, Proceed},
		{"a provider whose spammer goes on", 100, 500, Recipient, Banned, Banned},
	} {
		table := New(Default(), began)
		if d := name(table, tt.known, tt.unknown, began); d.Answer != tt.want || (d.Answer == TooFast) != table.PutsOff(addr(from), began) || d.Answer == TooFast && d.Delay != 5*time.Second {
			t.Errorf("%s: %+v", tt.name, d)
		}
		if d := table.Decide(tt.then, addr(from), began); d.Answer != tt.wantThen {
			t.Errorf("%s: then %+v", tt.name, d)
		}
	}

	table := New(Default(), began)
	name(table, 100, 0, began)
	if d := name(table, 0, 200, began.Add(20*time.Hour)); d.Answer != TooFast {
		t.Errorf("mail of the day before: %+v", d)
	}
	if d := name(table, 0, 200, began.Add(10*24*time.Hour)); d.Answer != Banned {
		t.Errorf("mail of long ago: %+v", d)
	}
	if table.PutsOff(addr("127.0.0.1"), began) {
		t.Error("who is not limited is put off")
	}
}

// The network of a provider is told from that of scanners as its hosts are.
func TestUnknownRecipientsOfNetwork(t *testing.T) {
	for _, known := range []int{0, 50} {
		table := New(Config{Failures: Rate{100, 10 * time.Minute}, NetworkShare: 2}, began)
		var last Decision
		for i := range 4 {
			from := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
			for range known + 90 {
				table.Decide(Recipient, from, began)
			}
			for range 90 {
				last = table.Decide(UnknownRecipient, from, began)
			}
		}
		if want := map[int]Answer{0: Banned, 50: TooFast}[known]; last.Answer != want || last.Prefix.Bits() != 24 {
			t.Errorf("%d known ones of each host: %+v", known, last)
		}
	}
}

// Hosts of one network that fail in turn have it banned.
func TestFailuresOfNetwork(t *testing.T) {
	table := New(Config{Failures: Rate{10, time.Minute}}, began)
	for i := range 5 {
		for table.Decide(EarlyTalker, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), began).Answer != Banned {
		}
	}
	if d := table.Decide(Connection, addr("192.0.2.200"), began); d.Answer != Banned || d.Prefix.Bits() != 24 {
		t.Errorf("a host of a network whose hosts fail: %+v", d)
	}
	if d := table.Decide(Connection, addr("192.0.3.1"), began); d.Answer != Proceed {
		t.Errorf("another network: %+v", d)
	}
}

// Loopback and exempt networks do as they like.
func TestExempt(t *testing.T) {
	one := Rate{1, time.Hour}
	table := New(Config{
		Connections: one, Messages: one, Recipients: one, Failures: one, Large: 1, LargeRate: one,
		Exempt: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::/32")},
	}, began)
	for _, from := range []string{"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "198.51.100.7", "::ffff:198.51.100.7", "2001:db8:5::1"} {
		for e := Connection; e <= EarlyTalker; e++ {
			if got := many(table, e, from, 20, began); got != 20 {
				t.Errorf("event %d of %s: %d of 20", e, from, got)
			}
		}
	}
	if table.Len() != 0 {
		t.Errorf("%d prefixes are remembered", table.Len())
	}
	for range 2 {
		table.Decide(Connection, netip.Addr{}, began)
	}
	if d := table.Decide(Connection, netip.Addr{}, began); d.Answer != TooFast {
		t.Errorf("who has no address: %+v", d)
	}
}

// Who brings large messages too fast is held: its sessions stay, and no message is taken from it.
func TestSpammer(t *testing.T) {
	const from = "192.0.2.1"
	table := New(Config{Large: 1000, LargeRate: Rate{5, time.Minute}, AccountRate: Rate{5, time.Minute}, Ban: time.Minute}, began)
	if table.IsLarge(999) || !table.IsLarge(1000) {
		t.Error("what is large")
	}
	if got := many(table, LargeMessage, from, 5, began); got != 5 {
		t.Errorf("%d of 5 are within the rate", got)
	}
	if d := table.Decide(LargeMessage, addr(from), began); d.Answer != Spammer || !d.New || d.Left != time.Minute {
		t.Errorf("the sixth: %+v", d)
	}
	for e, want := range map[Event]Answer{Message: Spammer, Recipient: Spammer, LargeMessage: Spammer, Connection: Proceed, UnknownRecipient: Proceed} {
		if d := table.Decide(e, addr(from), began); d.Answer != want || d.New {
			t.Errorf("event %d of who is held: %+v", e, d)
		}
	}
	if d := table.Decide(LargeMessage, addr("192.0.2.2"), began); d.Answer != Proceed {
		t.Errorf("a neighbour: %+v", d)
	}
	if d := table.Decide(LargeMessage, addr(from), began.Add(time.Minute)); d.Answer != Proceed {
		t.Errorf("after the hold: %+v", d)
	}

	for range 5 {
		if d := table.Account(LargeMessage, "ann", began); d.Answer != Proceed {
			t.Errorf("an account within the rate: %+v", d)
		}
	}
	if d := table.Account(LargeMessage, "ann", began); d.Answer != Spammer || !d.New || table.Held("ann", began) != time.Minute {
		t.Errorf("an account that is too fast: %+v", d)
	}
	if d := table.Account(LargeMessage, "ann", began); d.Answer != Spammer || d.New {
		t.Errorf("an account that is held: %+v", d)
	}
	if d := table.Account(LargeMessage, "bob", began); d.Answer != Proceed || table.Held("bob", began) != 0 {
		t.Errorf("another account: %+v", d)
	}
	if gone := table.ForgiveAccount("ann", began); len(gone) != 1 || gone[0].Answer != Spammer || table.Held("ann", began) != 0 {
		t.Errorf("forgiven: %+v", gone)
	}
}

// An account is held for whatever it does too fast, and told for what.
func TestAccountRates(t *testing.T) {
	rate := func(n int64) Rate { return Rate{n, time.Hour} }
	c := Config{AccountMessages: rate(3), AccountRecipients: rate(7), AccountStrangers: rate(5), AccountRate: rate(2), Ban: time.Minute}
	for e, most := range map[Event]int{Message: 3, Recipient: 7, Stranger: 5, LargeMessage: 2} {
		table := New(c, began)
		for i := range most {
			if d := table.Account(e, "ann", began); d.Answer != Proceed {
				t.Errorf("event %d, number %d: %+v", e, i, d)
			}
		}
		list, total := table.List(began, 10)
		if total != 1 || list[0].Account != "ann" || list[0].Messages+list[0].Recipients+list[0].Strangers+list[0].Large != most {
			t.Errorf("event %d: listed %+v", e, list)
		}
		if d := table.Account(e, "ann", began); d.Answer != Spammer || !d.New || d.Over != e || d.Left != time.Minute {
			t.Errorf("event %d beyond: %+v", e, d)
		}
		for _, other := range []Event{Message, Recipient, Stranger, LargeMessage} {
			if d := table.Account(other, "ann", began); d.Answer != Spammer || d.New || d.Over != e {
				t.Errorf("event %d of who is held for %d: %+v", other, e, d)
			}
			if d := table.Account(other, "bob", began); d.Answer != Proceed {
				t.Errorf("event %d of another account: %+v", other, d)
			}
		}
		if gone := table.ForgiveAccount("ann", began); len(gone) != 1 || table.Account(e, "ann", began).Answer != Proceed {
			t.Errorf("event %d: forgiven %+v", e, gone)
		}
		off := New(Config{}, began)
		for range 10_000 {
			if off.Account(e, "ann", began).Answer != Proceed {
				t.Fatalf("event %d is bounded where nothing is", e)
			}
		}
		if off.Len() != 0 {
			t.Errorf("event %d is remembered where nothing is bounded", e)
		}
	}
}

// Lists begin with who is kept out; what is forgiven counts no longer, nor does what is in its way.
func TestListAndForgive(t *testing.T) {
	table := New(Config{Connections: Rate{100, time.Minute}, Failures: Rate{10, time.Minute}}, began)
	many(table, UnknownRecipient, "192.0.2.1", 3, began)
	many(table, EarlyTalker, "198.51.100.1", 2, began)
	many(table, Connection, "2001:db8::1", 2, began)
	list, total := table.List(began, 100)
	if total != 6 || len(list) != 6 || list[0].Prefix.String() != "198.51.100.1/32" || list[0].Answer != Banned || list[0].Times != 1 {
		t.Errorf("%d: %+v", total, list)
	}
	if list[1].Failures == 0 || list[5].Connections != 2 {
		t.Errorf("in this order: %+v", list)
	}
	for i := range 1000 { // more than are sorted at one time
		table.Decide(Connection, netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}), began)
	}
	if list, total := table.List(began, 2); total != 6+1000+4 || len(list) != 2 || list[0].Answer != Banned || list[1].Failures < 3 {
		t.Errorf("%d, first %+v", total, list)
	}
	table.Forgive(netip.MustParsePrefix("203.0.0.0/16"), began)
	if list, total := table.List(began, 1); total != 6 || len(list) != 1 {
		t.Errorf("the first one: %+v", list)
	}
	if list, _ := table.List(began.Add(time.Hour), 100); len(list) != 0 {
		t.Errorf("an hour later: %+v", list)
	}
	if gone := table.Forgive(netip.MustParsePrefix("198.51.100.1/32"), began); len(gone) != 2 {
		t.Errorf("forgiven: %+v", gone)
	}
	if d := table.Decide(Connection, addr("198.51.100.1"), began); d.Answer != Proceed {
		t.Errorf("who was forgiven: %+v", d)
	}
	if gone := table.Forgive(netip.MustParsePrefix("192.0.2.0/24"), began); len(gone) != 2 {
		t.Errorf("forgiven: %+v", gone)
	}
	if gone := table.Forgive(netip.MustParsePrefix("203.0.113.0/24"), began); len(gone) != 0 {
		t.Errorf("nothing to forgive: %+v", gone)
	}
	table.Forgive(netip.MustParsePrefix("0.0.0.0/0"), began)
	table.Forgive(netip.MustParsePrefix("::/0"), began)
	if table.Len() != 0 {
		t.Errorf("%d are left", table.Len())
	}
}

// A flood of prefixes makes the table forget others, never grow, and not who is banned.
func TestBounded(t *testing.T) {
	table := New(Config{Connections: Rate{5, time.Hour}, Failures: Rate{10, time.Hour}, Prefixes: 100, Ban: time.Hour, Accounts: 10}, began)
	many(table, EarlyTalker, "192.0.2.1", 2, began)
	for i := range uint32(100_000) {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], 10<<24+i<<8)
		table.Decide(Connection, netip.AddrFrom4(b), began)
		table.Account(LargeMessage, string(b[:]), began)
	}
	if table.prefixes.most != 100 || len(table.prefixes.at) != 100 || len(table.prefixes.slots) > 100 || len(table.accounts.slots) > 10 {
		t.Errorf("%d prefixes, %d accounts", len(table.prefixes.slots), len(table.accounts.slots))
	}
	if d := table.Decide(Connection, addr("192.0.2.1"), began); d.Answer != Banned {
		t.Errorf("who was banned: %+v", d)
	}
}

// Whatever happens, the list of the ledger holds each slot once, and no more are let through than
// the rate allows.
func TestLedgerHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := New(Config{Connections: Rate{3, time.Minute}, Failures: Rate{4, time.Minute}, Prefixes: 32, Ban: time.Second}, began)
		now := began
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			a := netip.AddrFrom4([4]byte{192, 0, byte(rapid.IntRange(0, 30).Draw(t, "network")), byte(rapid.IntRange(0, 3).Draw(t, "host"))})
			if rapid.IntRange(0, 9).Draw(t, "forgiven") == 0 {
				table.Forgive(netip.PrefixFrom(a, rapid.IntRange(8, 32).Draw(t, "bits")).Masked(), now)
			}
			table.Decide(Event(rapid.IntRange(1, int(EarlyTalker)).Draw(t, "event")), a, now)
			now = now.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "ms")) * time.Millisecond)
			sound(t, &table.prefixes)
		}
	})
}

func sound(t *rapid.T, l *ledger[prefixKey]) {
	var order []int32
	for i, prev := l.first, int32(none); i != none; i = l.slots[i].next {
		if l.slots[i].prev != prev || l.at[l.slots[i].key] != i || slices.Contains(order, i) {
			t.Fatalf("slot %d is out of order", i)
		}
		order, prev = append(order, i), i
	}
	if len(order) != len(l.at) || len(order) > l.most || len(l.slots) > l.most || len(order) > 0 && l.last != order[len(order)-1] {
		t.Fatalf("%d in order, %d known", len(order), len(l.at))
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"off", "120/1m", "1/24h", "0/1m", "1/", "/1s", "192.0.2.1", "192.0.2.0/24", "192.0.2.1/24", "2001:db8::/48", "::ffff:192.0.2.0/120", "fe80::1%eth0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseRate(s); err == nil && r != (Rate{}) {
			if r.Count < 1 || r.Count > maxCount || r.Per < minPer || r.Per > maxPer {
				t.Errorf("%q is %+v", s, r)
			}
			New(Config{Connections: r, Failures: r, LargeRate: r, AccountRate: r}, began).Decide(EarlyTalker, addr("192.0.2.1"), began)
		}
		if p, err := ParsePrefix(s); err == nil {
			if again, err := ParsePrefix(p.String()); err != nil || again != p {
				t.Errorf("%q is %s, which is %s: %v", s, p, again, err)
			}
		}
	})
}

func TestParse(t *testing.T) {
	for s, want := range map[string]Rate{"off": {}, "120/1m": {120, time.Minute}, "1000000/24h": {1e6, 24 * time.Hour}} {
		if got, err := ParseRate(s); got != want || err != nil {
			t.Errorf("%q is %+v: %v", s, got, err)
		}
	}
	for _, s := range []string{"", "120", "120/", "/1m", "0/1m", "-1/1m", "1000001/1m", "1/1ms", "1/25h", "1.5/1m", "1/1m/1m"} {
		if r, err := ParseRate(s); err == nil {
			t.Errorf("%q is %+v", s, r)
		}
	}
	for s, want := range map[string]string{"192.0.2.1": "192.0.2.1/32", "::ffff:192.0.2.1": "192.0.2.1/32", "2001:db8::1": "2001:db8::1/128", "10.0.0.0/8": "10.0.0.0/8"} {
		if got, err := ParsePrefix(s); got.String() != want || err != nil {
			t.Errorf("%q is %s: %v", s, got, err)
		}
	}
	for _, s := range []string{"", "host.example", "192.0.2.1/24", "192.0.2.0/33", "::ffff:192.0.2.0/120", "fe80::1%eth0"} {
		if p, err := ParsePrefix(s); err == nil {
			t.Errorf("%q is %s", s, p)
		}
	}
}

// flood is a table that is full, and addresses that are in it.
func flood(prefixes int) (*Table, []netip.Addr) {
	c := Default()
	c.Prefixes = prefixes
	table := New(c, began)
	addrs := make([]netip.Addr, prefixes/2) // each with its network
	for i := range addrs {
		var b [16]byte
		binary.BigEndian.PutUint64(b[:], 0x2001_0db8_0000_0000+uint64(i)<<16)
		addrs[i] = netip.AddrFrom16(b)
		table.Decide(Connection, addrs[i], began)
	}
	return table, addrs
}

// BenchmarkDecide is what one event costs with 100,000 prefixes in the table, and what these hold
// of memory.
func BenchmarkDecide(b *testing.B) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	table, addrs := flood(100_000)
	runtime.GC()
	runtime.ReadMemStats(&after)
	held := float64(after.HeapAlloc-before.HeapAlloc) / float64(table.Len())
	for name, e := range map[string]Event{"connection": Connection, "message": Message, "failure": UnknownRecipient} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.ReportMetric(held, "B/prefix")
			for i := range b.N {
				table.Decide(e, addrs[i*7919%len(addrs)], began.Add(time.Duration(i)*time.Microsecond))
			}
		})
	}
	b.Run("unknown", func(b *testing.B) { // each makes another one be forgotten
		b.ReportAllocs()
		for i := range b.N {
			var a [16]byte
			binary.BigEndian.PutUint64(a[:], 0x2a00_0000_0000_0000+uint64(i)<<16)
			table.Decide(Connection, netip.AddrFrom16(a), began)
		}
	})
}
