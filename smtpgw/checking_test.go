package smtpgw

import (
	"net/netip"
	"testing"

	"cairn/smtpgw/limits"
)

// Of the passwords that one host sends, or that are for one account, only some wait at a time.
func TestPasswordsAtATime(t *testing.T) {
	s := signIn(t, func(c *Config) {
		c.Throttle = NewThrottle(limits.Config{Exempt: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}, nil, discard())
	})
	from := func(ip string) *peer {
		a := netip.MustParseAddr(ip)
		return &peer{name: hostName(a), addr: a}
	}
	for _, tt := range []struct {
		name   string
		ips    []string
		logins []string
		most   int
	}{
		{"one host", []string{"192.0.2.1"}, []string{"a", "b", "c", "d", "e", "f"}, maxCheckingHost},
		{"one /64", []string{"2001:db8::1", "2001:db8::2:1", "2001:db8::3:1", "2001:db8::4:1", "2001:db8::5:1"}, []string{"a", "b", "c", "d", "e"}, maxCheckingHost},
		{"several hosts", []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}, []string{"a", "b", "c", "d", "e", "f"}, 6},
		{"this machine", []string{"127.0.0.1"}, []string{"a", "b", "c", "d", "e", "f"}, 6},
		{"an exempt host", []string{"198.51.100.1"}, []string{"a", "b", "c", "d", "e", "f"}, 6},
		{
			"one account under all of its names", []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "127.0.0.1", "198.51.100.1"},
			[]string{"user", "USER@local.example", "alias@local.example", "user", "user"}, maxCheckingAccount,
		},
		{"nobody", []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "127.0.0.1", "198.51.100.1"}, []string{"no", "NO", "no", "no", "no"}, maxCheckingAccount},
	} {
		var ends []func()
		for i, login := range tt.logins {
			end, ok, err := s.server.beginCheck(from(tt.ips[i%len(tt.ips)]), login)
			if err != nil || ok != (i < tt.most) {
				t.Errorf("%s: password %d is checked: %t, %v", tt.name, i, ok, err)
			}
			if ok {
				ends = append(ends, end)
			}
		}
		for _, end := range ends {
			end()
		}
		if len(s.server.checking.of) != 0 {
			t.Errorf("%s: %v are counted yet", tt.name, s.server.checking.of)
		}
	}
}

// One more than may wait is told so at once, and nothing is held against it.
func TestTooManyPasswords(t *testing.T) {
	s := signIn(t, nil)
	key, err := s.server.accountKey("user")
	if err != nil {
		t.Fatal(err)
	}
	var ends []func()
	for range maxCheckingAccount {
		end, _ := s.server.checking.begin(map[string]int{key: maxCheckingAccount})
		ends = append(ends, end)
	}
	d := s.over(t)
	for range maxAuthFailures + 1 {
		d.say(plainOfUser, "^454 4.7.0 too many passwords of yours are being checked; try again later")
	}
	d.say("AUTH PLAIN "+b64("\x00nobody\x00secret")+"\r\n", "^535 5.7.8 ")
	ends[0]()
	d.say(plainOfUser, "^235 2.7.0 ")
}
