package limits

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Standing is what counts of a prefix or an account at one time.
type Standing struct {
	Prefix  netip.Prefix  // not valid of an account
	Account string        // "" of a prefix
	Answer  Answer        // Banned or Spammer; Proceed: neither
	Left    time.Duration // of that
	Times   int           // that this followed on one another

	// Of the rates, how many count yet: they go one by one.
	Connections, Messages, Recipients, Failures, Large, Strangers int
}

// List returns who is kept out or has anything that counts yet, at most so many: first who is kept
// out, then by failures. total is how many there are.
func (t *Table) List(now time.Time, most int) (list []Standing, total int) {
	at := int64(now.Sub(t.start))
	take := func(s Standing) {
		if !s.counts() {
			return
		}
		total++
		if list = append(list, s); len(list) >= 2*most+100 { // nobody waits while all are sorted
			slices.SortFunc(list, worse)
			list = list[:most]
		}
	}
	for _, i := range t.prefixes.at {
		take(t.standing(&t.prefixes.slots[i], at))
	}
	for _, i := range t.accounts.at {
		take(t.accountStanding(&t.accounts.slots[i], at))
	}
	slices.SortFunc(list, worse)
	return list[:min(len(list), most)], total
}

// worse orders by what is listed first.
func worse(a, b Standing) int {
	return cmp.Or(cmp.Compare(b.Answer, a.Answer), cmp.Compare(b.Failures, a.Failures), cmp.Compare(b.Large, a.Large), cmp.Compare(b.Strangers, a.Strangers), cmp.Compare(b.Messages, a.Messages),
		cmp.Compare(b.Connections, a.Connections), a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()), strings.Compare(a.Account, b.Account))
}

func (s *Standing) counts() bool {
	return s.Answer != Proceed || s.Connections > 0 || s.Messages > 0 || s.Recipients > 0 || s.Failures > 0 || s.Large > 0 || s.Strangers > 0
}

func (t *Table) standing(s *slot[prefixKey], now int64) Standing {
	m := &t.hosts
	if s.key.kind == network4 || s.key.kind == network6 {
		m = &t.networks
	}
	v := Standing{
		Prefix: s.key.prefix(), Connections: m[connections].level(s.filled[connections], now), Messages: m[messages].level(s.filled[messages], now),
		Recipients: m[recipients].level(s.filled[recipients], now), Failures: m[failures].level(s.filled[failures], now) + m[unknown].level(s.filled[unknown], now), Large: m[large].level(s.filled[large], now),
	}
	if s.until > now {
		v.Answer, v.Left, v.Times = s.why, time.Duration(s.until-now), int(s.times)
	}
	return v
}

func (t *Table) accountStanding(s *slot[string], now int64) Standing {
	m := &t.account
	v := Standing{
		Account: s.key, Messages: m[messages].level(s.filled[messages], now), Recipients: m[recipients].level(s.filled[recipients], now),
		Large: m[large].level(s.filled[large], now), Strangers: m[strangers].level(s.filled[strangers], now),
	}
	if s.until > now {
		v.Answer, v.Left, v.Times = Spammer, time.Duration(s.until-now), int(s.times)
	}
	return v
}

// Forgive forgets all that is in the way of a prefix: what is known of it, of what is in it, and of
// the network that it is in. It returns what counted of that.
func (t *Table) Forgive(p netip.Prefix, now time.Time) (gone []Standing) {
	at := int64(now.Sub(t.start))
	for k, i := range t.prefixes.at {
		if !k.prefix().Overlaps(p) {
			continue
		}
		if s := t.standing(&t.prefixes.slots[i], at); s.counts() {
			gone = append(gone, s)
		}
		t.prefixes.forget(i)
	}
	slices.SortFunc(gone, func(a, b Standing) int {
		return cmp.Or(a.Prefix.Addr().Compare(b.Prefix.Addr()), cmp.Compare(a.Prefix.Bits(), b.Prefix.Bits()))
	})
	return gone
}

// ForgiveAccount is Forgive of an account.
func (t *Table) ForgiveAccount(name string, now time.Time) (gone []Standing) {
	i, ok := t.accounts.at[name]
	if !ok {
		return nil
	}
	if s := t.accountStanding(&t.accounts.slots[i], int64(now.Sub(t.start))); s.counts() {
		gone = append(gone, s)
	}
	t.accounts.forget(i)
	return gone
}

// Len is how many prefixes and accounts are remembered.
func (t *Table) Len() int { return len(t.prefixes.at) + len(t.accounts.at) }
