package lists

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cairn/consensus/record"
	"cairn/mailstore"
	"cairn/smtpgw/gatewaytest"
)

// devs is a list as the tests host it.
var devs = List{Address: "devs@local.example", Owner: "user@local.example", Since: gatewaytest.Moment}

// hosted puts a list with members into st.
func hosted(t *testing.T, st *mailstore.Store, l List, members ...string) (out List) {
	t.Helper()
	gatewaytest.Update(t, st, func(tx *mailstore.Tx) error {
		if _, err := Put(tx, l); err != nil {
			return err
		}
		var err error
		out, _, err = Join(tx, l.Address, members)
		return err
	})
	return out
}

func TestPutList(t *testing.T) {
	st := gatewaytest.LocalStore(t)
	l := hosted(t, st, devs, "a@far.example", "A@FAR.example", "b@near.example", "c@far.example")
	if l.Members != 3 || l.Post != PostMembers || l.PerHour != defaultPerHour || l.ID() != "devs.local.example" {
		t.Errorf("%+v", l)
	}
	gatewaytest.Update(t, st, func(tx *mailstore.Tx) error {
		changed := l
		changed.Tag, changed.Post = "devs", PostAnyone
		if _, err := Put(tx, changed); err != nil {
			return err
		}
		_, left, err := Leave(tx, "Devs@local.example", []string{"b@near.example", "nobody@x.example"})
		if left != 1 {
			t.Errorf("%d left", left)
		}
		return err
	})
	err := st.View(func(r *mailstore.Reader) error {
		if _, err := AccountFor(r, "devs+unsubscribe@local.example"); !errors.Is(err, mailstore.ErrNotFound) {
			t.Errorf("a list has sub-addresses: %v", err)
		}
		if a, err := AccountFor(r, "DEVS@local.example"); err != nil || a.ID != l.Account {
			t.Errorf("%+v, %v", a, err)
		}
		all, err := All(r)
		if err != nil || len(all) != 1 || all[0].Account != l.Account || all[0].Tag != "devs" || all[0].Members != 2 {
			t.Errorf("%+v, %v", all, err)
		}
		first, err := Members(r, l, "", 1)
		if err != nil {
			return err
		}
		rest, err := Members(r, l, first[0], 10)
		if got := slices.Concat(first, rest); !slices.Equal(got, []string{"a@far.example", "c@far.example"}) {
			t.Errorf("members %q", got)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	gatewaytest.Update(t, st, func(tx *mailstore.Tx) error { return Drop(tx, l.Account) })
	err = st.View(func(r *mailstore.Reader) error {
		if _, err := Get(r, devs.Address); !errors.Is(err, ErrNone) {
			t.Errorf("dropped: %v", err)
		}
		members, err := Members(r, l, "", 10)
		if len(members) > 0 {
			t.Errorf("members left: %q", members)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPutListRefuses(t *testing.T) {
	for _, tt := range []struct {
		name  string
		spoil func(*List)
		why   string
	}{
		{"no address", func(l *List) { l.Address = "devs" }, "not a mail address"},
		{"quoted address", func(l *List) { l.Address = `"a b"@local.example` }, "letters"},
		{"somebody's", func(l *List) { l.Address = "other@local.example" }, "exists"},
		{"somebody's, and its owner", func(l *List) { l.Address = "other@local.example"; l.Owner = l.Address }, "exists"},
		{"its own owner", func(l *List) { l.Owner = "Devs@local.example" }, "bounces"},
		{"no owner", func(l *List) { l.Owner = "" }, "owner"},
		{"policy", func(l *List) { l.Post = "all" }, "who may post"},
		{"per hour", func(l *List) { l.PerHour = -1 }, "an hour"},
		{"tag with digits", func(l *List) { l.Tag = "devs2" }, "no digits"},
		{"tag with bracket", func(l *List) { l.Tag = "de]vs" }, "letters"},
		{"long tag", func(l *List) { l.Tag = strings.Repeat("x", 25) }, "letters"},
		{"footer with a number", func(l *List) { l.Footer = "call 555-123-4567" }, "seven digits"},
		{"footer with two numbers", func(l *List) { l.Footer = "Room 1203, call 4567" }, "seven digits"},
		{"footer that leads elsewhere", func(l *List) { l.Footer = "See https://other.example/" }, "elsewhere"},
		{"footer with an address elsewhere", func(l *List) { l.Footer = "Ask eve@other.example" }, "address"},
		{"long footer", func(l *List) { l.Footer = strings.Repeat("x\n", 300) }, "octets"},
		{"wide footer", func(l *List) { l.Footer = strings.Repeat("x", 77) }, "76"},
		{"footer not ASCII", func(l *List) { l.Footer = "Grüße" }, "ASCII"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := gatewaytest.LocalStore(t)
			l := devs
			tt.spoil(&l)
			err := st.Update(t.Context(), func(tx *mailstore.Tx) error {
				_, err := Put(tx, l)
				return err
			})
			if err == nil || !strings.Contains(err.Error(), tt.why) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestListIsBounded(t *testing.T) {
	st := gatewaytest.LocalStore(t)
	hosted(t, st, devs)
	members := make([]string, MaxMembers+1)
	for i := range members {
		members[i] = fmt.Sprintf("m%d@far.example", i)
	}
	join := func(some []string) error {
		return st.Update(t.Context(), func(tx *mailstore.Tx) error {
			_, _, err := Join(tx, devs.Address, some)
			return err
		})
	}
	if err := join(members); !errors.Is(err, ErrFull) {
		t.Errorf("one too many: %v", err)
	}
	if err := join(members[:MaxMembers]); err != nil {
		t.Errorf("as many as there may be: %v", err)
	}
	if err := join([]string{devs.Address}); err == nil {
		t.Error("a list is its own member")
	}
}

func TestMemberGroups(t *testing.T) {
	members := []string{"a@x.example", "b@x.example", "a@y.example"}
	for i := range 30 {
		members = append(members, fmt.Sprintf("m%d@z.example", i))
	}
	var got []string
	for _, g := range memberGroups(members) {
		got = append(got, fmt.Sprintf("%s %d", g.Domain, len(g.Recipients)))
	}
	if want := []string{"x.example 2", "y.example 1", "z.example 24", "z.example 6"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestListJudge: each line says what a list does with a post and why.
func TestListJudge(t *testing.T) {
	const header = "From: a@far.example\r\nSubject: x\r\n"
	verified := Standing{record.Verified, true}
	var hops string
	for n := range byte(8) {
		hops += gatewaytest.Token(n)
	}
	for _, tt := range []struct {
		name   string
		list   List
		p      post
		header string
		what   outcome
		why    string
	}{
		{"member, verified", devs, post{Standing: verified, member: true}, header, sendOn, "verified"},
		{"member, pending", devs, post{Standing: Standing{record.Pending, true}, member: true}, header, sendOn, "pending"},
		{"member's name in another's record", devs, post{Standing: Standing{record.Vouched, false}, member: true}, header, hold, "speaks"},
		{"the same before its block", devs, post{Standing: Standing{record.Pending, false}, member: true}, header, hold, "speaks"},
		{"stranger", devs, post{Standing: verified}, header, hold, "no member"},
		{"stranger at an open list", List{Post: PostAnyone}, post{Standing: verified}, header, sendOn, "verified"},
		{"vouched at an open list", List{Post: PostAnyone}, post{Standing: Standing{record.Vouched, false}}, header, sendOn, "vouched"},
		{"no record", List{Post: PostAnyone}, post{Standing: Standing{record.Unrecorded, false}}, header, hold, "unrecorded"},
		{"changed", List{Post: PostAnyone}, post{Standing: Standing{record.Differs, true}}, header, hold, "changed"},
		{"no verdict", List{Post: PostAnyone}, post{}, header, hold, `""`},
		{"spam", devs, post{Standing: verified, labels: []string{"spam"}, member: true}, header, hold, "spam"},
		{"too many in an hour", devs, post{Standing: verified, member: true, inHour: 60}, header, hold, "60"},
		{"approved", devs, post{Standing: Standing{record.Differs, false}, labels: []string{"approved", "held", "spam"}, inHour: 99}, header, sendOn, "approved"},
		{"approved twice", devs, post{labels: []string{"approved", "posted"}}, header, leave, "before"},
		{"a bounce", devs, post{from: "-", Standing: verified, member: true}, header, leave, "report"},
		{"went through", devs, post{Standing: verified, labels: []string{"approved"}, member: true}, header + "LIST-ID: Devs\r\n <DEVS.local.example>\r\n", leave, "before"},
		{"delivered to it", devs, post{Standing: verified, labels: []string{"approved"}, member: true}, header + "DELIVERED-TO: <DEVS@local.example>\r\n", leave, "before"},
		{"delivered to others", devs, post{Standing: verified, member: true}, header + "Delivered-To: mydevs@local.example\r\n", sendOn, "verified"},
		{"through another list", devs, post{Standing: verified, member: true}, header + "List-Id: <devs.other.example>\r\n", sendOn, "verified"},
		{"an answer of a machine", devs, post{Standing: verified, member: true}, header + "Auto-Submitted: auto-replied (away)\r\n", leave, "automatic"},
		{"from a machine", devs, post{Standing: verified, member: true}, header + "Auto-Submitted: auto-generated\r\n", sendOn, "verified"},
		{"in circles", devs, post{Standing: verified, member: true}, hops + header, leave, "circles"},
	} {
		tt.p.header, tt.p.raw = []byte(tt.header), []byte(tt.header+"\r\nx\r\n")
		switch tt.p.from {
		case "":
			tt.p.from = "a@far.example"
		case "-":
			tt.p.from = ""
		}
		l := tt.list
		if l.Address == "" {
			l.Address, l.Owner = devs.Address, devs.Owner
		}
		if err := l.complete(); err != nil {
			t.Fatal(err)
		}
		if what, why := l.judge(tt.p); what != tt.what || !strings.Contains(why, tt.why) {
			t.Errorf("%s: %d, %s", tt.name, what, why)
		}
	}
}

// TestListsInCircles: lists that are each other's members, whose fields take the place of those of
// the list before, send each post on once.
func TestListsInCircles(t *testing.T) {
	raw := "From: a@far.example\r\nSubject: x\r\n\r\nx\r\n"
	var through []string
	for _, address := range []string{"devs@local.example", "all@local.example", "devs@local.example"} {
		l := List{Address: address, Owner: devs.Owner}
		if err := l.complete(); err != nil {
			t.Fatal(err)
		}
		p := postOf(mailstore.Message{From: devs.Owner}, []byte(raw), nil)
		p.Standing, p.member = Standing{record.Verified, true}, true
		if what, why := l.judge(p); what != sendOn {
			through = append(through, why)
			break
		}
		through = append(through, address)
		var err error
		if raw, err = copyTest(l, raw); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"devs@local.example", "all@local.example", "it went through this list before"}; !slices.Equal(through, want) {
		t.Errorf("%q, want %q", through, want)
	}
}
