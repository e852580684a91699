package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

var roomy = Limits{Message: 1 << 20, Header: 64 << 10, Fields: 100, Recipients: 10}

// offer is what a mail server offers.
func offer(version, actions, protocol uint32) []byte {
	b := binary.BigEndian.AppendUint32(nil, version)
	b = binary.BigEndian.AppendUint32(b, actions)
	return binary.BigEndian.AppendUint32(b, protocol)
}

// said is a packet of a mail server.
type said struct {
	command byte
	data    string
}

// opened are the packets with which a session begins.
func opened(protocol uint32) []said {
	return []said{
		{CommandNegotiate, string(offer(6, 0x1ff, protocol))},
		{CommandMacros, "Cj\x00relay.test\x00"},
		{CommandConnect, "client.example\x004\x04\x00192.0.2.7\x00"},
		{CommandHelo, "client.example\x00"},
	}
}

// mail are the packets of a message.
func mail(header, body string) []said {
	list := []said{
		{CommandMacros, "Mi\x004XyZ\x00{auth_authen}\x00ana\x00"},
		{CommandMail, "<ana@alpha.test>\x00SIZE=100\x00"},
		{CommandRcpt, "<bob@bravo.test>\x00NOTIFY=NEVER\x00"},
		{CommandRcpt, "<eve@bravo.test>\x00"},
		{CommandData, ""},
	}
	for f := range strings.SplitSeq(header, "|") {
		list = append(list, said{CommandHeader, strings.Replace(f, ":", "\x00", 1) + "\x00"})
	}
	return append(list, said{CommandEOH, ""}, said{CommandBody, body}, said{CommandEnd, ""})
}

// hear has a session read packets. asked are the messages, reply all that was replied.
func hear(t *testing.T, s *Session, list ...said) (asked []*Message, reply []byte) {
	t.Helper()
	for _, p := range list {
		step, err := s.Take(p.command, []byte(p.data))
		if err != nil {
			t.Fatalf("%q %q: %v", p.command, p.data, err)
		}
		reply = append(reply, step.Reply...)
		if step.Ask != nil {
			asked = append(asked, step.Ask)
		}
	}
	return asked, reply
}

func TestMessage(t *testing.T) {
	s := NewSession(roomy)
	list := slices.Concat(opened(0x1fffff), mail("From: ana@alpha.test|Subject:  two\n\tlines|Empty:", "Hi\r\n.\r\n"))
	asked, reply := hear(t, s, list...)
	if len(asked) != 1 {
		t.Fatalf("%d messages", len(asked))
	}
	m := asked[0]
	if want := "From: ana@alpha.test\r\nSubject:  two\r\n\tlines\r\nEmpty:\r\n\r\nHi\r\n.\r\n"; string(m.Raw) != want {
		t.Errorf("%q", m.Raw)
	}
	if string(m.Raw[m.Header:]) != "Hi\r\n.\r\n" || len(m.Fields) != 3 || m.Fault != 0 {
		t.Errorf("%+v", m)
	}
	if m.Client != netip.MustParseAddrPort("192.0.2.7:1024") || m.ClientName != "client.example" || m.Helo != "client.example" || m.User != "ana" || m.Queue != "4XyZ" {
		t.Errorf("%+v", m)
	}
	if m.From.Address() != "ana@alpha.test" || len(m.Recipients) != 2 || m.Recipients[0].Address() != "bob@bravo.test" {
		t.Errorf("%+v", m)
	}
	if v, ok := m.Recipients[0].Param("notify"); !ok || v != "NEVER" {
		t.Errorf("NOTIFY is %q, %v", v, ok)
	}
	// The offer alone is replied to: nothing else needs to be.
	if command, size, err := ReadHead([HeadSize]byte(reply)); err != nil || command != CommandNegotiate || HeadSize+size != len(reply) {
		t.Errorf("replied %q", reply)
	}
}

// A path is an address as SMTP writes it: quoted where it has to be, with a route in front that
// means nothing (RFC 5321, sections 4.1.2 and F.2).
func TestPathAddress(t *testing.T) {
	for given, want := range map[string]string{
		"<>": "", "<ana@alpha.test>": "ana@alpha.test", "ana@alpha.test": "ana@alpha.test", "<postmaster>": "postmaster",
		`<"ana maria"@alpha.test>`: "ana maria@alpha.test", `<"a\"n\\a"@alpha.test>`: `a"n\a@alpha.test`, `"a..b"@alpha.test`: "a..b@alpha.test",
		"<@one.test,@two.test:bob@bravo.test>": "bob@bravo.test", `<@one.test:"b:b"@bravo.test>`: "b:b@bravo.test",
		"<@bravo.test>": "@bravo.test", `<""@bravo.test>`: "@bravo.test", `<"@bravo.test>`: `"@bravo.test`,
		`<">"@bravo.test>`: ">@bravo.test",
	} {
		if got := (Path{Given: given}).Address(); got != want {
			t.Errorf("%s is %q, want %q", given, got, want)
		}
	}
}

// A mail server that knows nothing of quiet filters waits for a reply to each packet, and strips
// the space behind the colon.
func TestOlderServer(t *testing.T) {
	s := NewSession(roomy)
	asked, reply := hear(t, s, slices.Concat(opened(0), mail("Subject:old", "x\r\n"))...)
	if len(asked) != 1 || string(asked[0].Raw) != "Subject: old\r\n\r\nx\r\n" {
		t.Errorf("%+v", asked)
	}
	if n := bytes.Count(reply, []byte{0, 0, 0, 1, replyContinue}); n != 9 {
		t.Errorf("%d replies: %q", n, reply)
	}
}

// What was said of one message is not said of the next one, nor of another client.
func TestNextMessage(t *testing.T) {
	s := NewSession(roomy)
	hear(t, s, opened(0x1fffff)...)
	hear(t, s, mail("A:1", "x")[:6]...)
	hear(t, s, said{CommandAbort, ""})
	next := []said{{CommandMacros, "Mi\x00second\x00"}, {CommandMail, "<>\x00"}, {CommandEOH, ""}, {CommandEnd, "y"}}
	asked, _ := hear(t, s, next...)
	if m := asked[0]; m.User != "" || m.Queue != "second" || m.From.Address() != "" || len(m.Recipients) != 0 || string(m.Raw) != "\r\ny" || m.Helo == "" {
		t.Errorf("%+v", m)
	}
	hear(t, s, said{CommandQuitNew, ""})
	asked, _ = hear(t, s, next[1:]...)
	if m := asked[0]; m.Client.IsValid() || m.Helo != "" || m.Queue != "" {
		t.Errorf("of another client: %+v", m)
	}
}

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits Limits
		header string
		body   string
		fault  Fault
	}{
		{"whole", Limits{Message: 8, Header: 6, Fields: 1, Recipients: 2}, "A:1", "x", 0},
		{"text", Limits{Message: 8, Header: 64, Fields: 1, Recipients: 2}, "A:1", "xy", TooLarge},
		{"header", Limits{Message: 90, Header: 6, Fields: 2, Recipients: 2}, "A:123", "x", HeaderTooLarge},
		{"fields", Limits{Message: 90, Header: 60, Fields: 1, Recipients: 2}, "A:1|B:2", "x", HeaderTooLarge},
		{"recipients", Limits{Message: 90, Header: 60, Fields: 2, Recipients: 1}, "A:1|B:2", "x", TooManyRecipients},
		{"room", Limits{Message: 90, Header: 60, Fields: 2, Recipients: 2, Room: func(n int) bool { return n < 6 }}, "A:1", "sixsix", NoRoom},
	} {
		asked, _ := hear(t, NewSession(c.limits), slices.Concat(opened(0x1fffff), mail(c.header, c.body))...)
		m := asked[0]
		if m.Fault != c.fault || (m.Raw == nil) != (c.fault != 0) || c.fault != 0 && m.Header != 0 {
			t.Errorf("%s: %+v", c.name, m)
		}
	}
}

// What is kept of recipients is counted as the text is, and where it has no room the message has
// none.
func TestRoomOfRecipients(t *testing.T) {
	left := 100
	limits := roomy
	limits.Room = func(n int) bool {
		if n > left {
			return false
		}
		left -= n
		return true
	}
	s := NewSession(limits)
	hear(t, s, opened(0x1fffff)...)
	long := said{CommandRcpt, "<bob@bravo.test>\x00ORCPT=" + strings.Repeat("x", 60) + "\x00"}
	hear(t, s, said{CommandMail, "<>\x00"}, long)
	if left > 40 {
		t.Errorf("%d octets are left", left)
	}
	asked, _ := hear(t, s, long, long, said{CommandBody, "x"}, said{CommandEnd, ""})
	if len(asked) != 1 || asked[0].Fault != NoRoom || len(asked[0].Recipients) > 1 {
		t.Errorf("%+v", asked[0])
	}
}

func TestProtocol(t *testing.T) {
	for _, c := range []struct {
		name string
		list []said
	}{
		{"no offer", []said{{CommandMail, "<>\x00"}}},
		{"a short offer", []said{{CommandNegotiate, "1234"}}},
		{"an old offer", []said{{CommandNegotiate, string(offer(1, 0x1ff, 0))}}},
		{"an offer that does not let recipients be removed", []said{{CommandNegotiate, string(offer(6, 0x31, 0))}}},
		{"two offers", append(opened(0), opened(0)...)},
		{"a field without its sender", append(opened(0), said{CommandHeader, "A\x00b\x00"})},
		{"a field without its end", append(opened(0), said{CommandMail, "<>\x00"}, said{CommandHeader, "A\x00b"})},
		{"a field with another one within", append(opened(0), said{CommandMail, "<>\x00"}, said{CommandHeader, "A\x00b\nBcc: c\x00"})},
		{"a field with an empty line within", append(opened(0), said{CommandMail, "<>\x00"}, said{CommandHeader, "A\x00b\n\n x\x00"})},
		{"a field that ends", append(opened(0), said{CommandMail, "<>\x00"}, said{CommandHeader, "A\x00b\n\x00"})},
		{"a name that is none", append(opened(0), said{CommandMail, "<>\x00"}, said{CommandHeader, "A:\x00b\x00"})},
		{"a field behind the header", append(opened(0), said{CommandMail, "<>\x00"}, said{CommandEOH, ""}, said{CommandHeader, "A\x00b\x00"})},
		{"no address", append(opened(0), said{CommandMail, ""})},
		{"a long address", append(opened(0), said{CommandMail, strings.Repeat("x", 5000) + "\x00"})},
		{"many parameters", append(opened(0), said{CommandMail, strings.Repeat("x\x00", 50)})},
		{"many macros", append(opened(0), said{CommandMacros, "M" + strings.Repeat("x\x00", 500)})},
		{"macros of nothing", append(opened(0), said{CommandMacros, ""})},
		{"a client at no address", []said{opened(0)[0], {CommandConnect, "x\x004\x00\x00what\x00"}}},
		{"a client without a family", []said{opened(0)[0], {CommandConnect, "x\x00"}}},
		{"another command", append(opened(0), said{'?', ""})},
	} {
		s, err := NewSession(roomy), error(nil)
		for _, p := range c.list {
			if _, err = s.Take(p.command, []byte(p.data)); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, n := range []uint32{0, MaxData + 2, 1 << 31} {
		var head [HeadSize]byte
		binary.BigEndian.PutUint32(head[:], n)
		if _, _, err := ReadHead(head); !errors.Is(err, ErrProtocol) {
			t.Errorf("a packet of %d octets: %v", n, err)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		name string
		v    Verdict
		want string
	}{
		{"accepted", Verdict{}, "\x00\x00\x00\x01a"},
		{"discarded", Verdict{Action: Discard}, "\x00\x00\x00\x01d"},
		{"refused", Verdict{Action: Refuse, Code: 550, Status: "5.7.1", Text: "no\r\n100 %"}, "\x00\x00\x00\x16y550 5.7.1 no??100 %%\x00"},
		{"refused with no code", Verdict{Action: Refuse, Code: 250, Status: "2.0.0"}, "\x00\x00\x00\x01t"},
		{"refused with another class", Verdict{Action: Refuse, Code: 550, Status: "4.0.0"}, "\x00\x00\x00\x01t"},
		{"marked", Verdict{
			DropRecipients: []string{"<b@c.example>"},
			RemoveFields:   []Nth{{"A", 1}, {"A", 2}}, Insert: []Field{{"One", " 1\r\n 1"}, {"Two", " 2"}}, Quarantine: "why",
		}, "\x00\x00\x00\x0f-<b@c.example>\x00" +
			"\x00\x00\x00\x08m\x00\x00\x00\x02A\x00\x00\x00\x00\x00\x08m\x00\x00\x00\x01A\x00\x00" +
			"\x00\x00\x00\x0ci\x00\x00\x00\x00Two\x00 2\x00" + "\x00\x00\x00\x0fi\x00\x00\x00\x00One\x00 1\n 1\x00" +
			"\x00\x00\x00\x05qwhy\x00" + "\x00\x00\x00\x01a"},
	} {
		if got := string(c.v.Append(nil)); got != c.want {
			t.Errorf("%s:\n%q, want\n%q", c.name, got, c.want)
		}
	}
	m := &Message{Fields: []Field{{"X-A", ""}, {"x-a", "pick"}, {"B", "pick"}, {"X-A", "pick"}}}
	if got := m.Nths(func(f Field) bool { return f.Value == "pick" }); !slices.Equal(got, []Nth{{"x-a", 2}, {"B", 1}, {"X-A", 3}}) {
		t.Errorf("%v", got)
	}
}

// FuzzSession reads what a mail server sends: packets, each as it is framed.
func FuzzSession(f *testing.F) {
	stream := func(list []said) (b []byte) {
		for _, p := range list {
			b = appendPacket(b, p.command, []byte(p.data))
		}
		return b
	}
	f.Add(stream(slices.Concat(opened(0x1fffff), mail("A: b|C: d\n e", "x\r\n"))))
	f.Add(stream(slices.Concat(opened(0), mail("A:b", ""), mail("C:d", "y"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		limits := Limits{Message: 300, Header: 200, Fields: 5, Recipients: 3}
		s := NewSession(limits)
		for len(b) >= HeadSize {
			command, size, err := ReadHead([HeadSize]byte(b))
			if err != nil || HeadSize+size > len(b) {
				return
			}
			data := bytes.Clone(b[HeadSize : HeadSize+size])
			b = b[HeadSize+size:]
			step, err := s.Take(command, data)
			if err != nil {
				if !errors.Is(err, ErrProtocol) {
					t.Fatal(err)
				}
				return
			}
			if step.Ask != nil {
				checkBounds(t, step.Ask, limits)
			}
		}
	})
}

// checkBounds holds a message to its limits and to itself.
func checkBounds(t *testing.T, m *Message, limits Limits) {
	if len(m.Raw) > limits.Message || len(m.Fields) > limits.Fields || len(m.Recipients) > limits.Recipients || m.Header > len(m.Raw) {
		t.Fatalf("%+v", m)
	}
	if m.Fault != 0 {
		return
	}
	var header strings.Builder
	for _, f := range m.Fields {
		header.WriteString(f.Name + ":" + f.Value + "\r\n")
	}
	if got := string(m.Raw[:m.Header]); got != header.String()+"\r\n" {
		t.Fatalf("the header is %q, its fields are %q", got, header.String())
	}
}
