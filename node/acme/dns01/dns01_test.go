package dns01

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"cairn/node/acme/dns01/knottest"
)

// texts are the TXT records that a server has for a name.
func texts(t *testing.T, server, name string) (list []string) {
	t.Helper()
	a, err := ask(t.Context(), server, name, dnsmessage.TypeTXT)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range a.Records {
		list = append(list, r.Text)
	}
	slices.Sort(list)
	return list
}

// ownServer stands in zones for the records of the server that has them.
const ownServer = "(own server)"

// knot starts a server with zones, and returns who sends it updates.
func knot(t *testing.T, zones ...knottest.Zone) (*Publisher, string) {
	t.Helper()
	host := knottest.Host()
	for i := range zones {
		zones[i].Records = strings.Replace(zones[i].Records, ownServer, "@ NS ns\nns A "+host+"\n", 1)
	}
	server := net.JoinHostPort(host, knottest.Free(t, host))
	knottest.Start(t, server, zones...)
	return by(t, server, knottest.KeyName, knottest.Secret), server
}

func by(t *testing.T, server, name, secret string) *Publisher {
	t.Helper()
	k, err := NewKey(name, secret)
	if err != nil {
		t.Fatal(err)
	}
	p := ByUpdate(server, k, []string{server}, time.Now)
	_, p.port, _ = net.SplitHostPort(server)
	return p
}

// TestUpdate: a real server shows what it is sent, each text until it is taken back and beside the
// others, also where an alias leads.
func TestUpdate(t *testing.T) {
	t.Parallel()
	p, server := knot(t, knottest.Zone{Name: "example.org", Records: ownServer + "mail A 127.0.0.1\n_acme-challenge.mail TXT theirs\n" +
		"_acme-challenge.alias CNAME step\nstep CNAME alias.acme.example.net.\n"},
		knottest.Zone{Name: "acme.example.net", Records: ownServer})
	for _, c := range []struct {
		name, at string
		before   []string
	}{
		{"_acme-challenge.mail.example.org", "_acme-challenge.mail.example.org", []string{"theirs"}},
		{"_acme-challenge.alias.example.org", "alias.acme.example.net", nil},
		{"_acme-challenge.example.org", "_acme-challenge.example.org", nil},
	} {
		if err := p.Try(t.Context(), c.name); err != nil {
			t.Errorf("%s is tried: %v", c.name, err)
		}
		if got := texts(t, server, c.at); !slices.Equal(got, c.before) {
			t.Errorf("%s has %q after a try", c.at, got)
		}
		one, err := p.Publish(t.Context(), c.name, "one")
		if err != nil {
			t.Fatal(err)
		}
		two, err := p.Publish(t.Context(), c.name, "-two_")
		if err != nil {
			t.Fatal(err)
		}
		if got, want := texts(t, server, c.at), append([]string{"-two_", "one"}, c.before...); !slices.Equal(got, want) {
			t.Errorf("%s has %q, not %q", c.at, got, want)
		}
		if err := one(); err != nil {
			t.Error(err)
		}
		if got, want := texts(t, server, c.at), append([]string{"-two_"}, c.before...); !slices.Equal(got, want) {
			t.Errorf("%s has %q, not %q", c.at, got, want)
		}
		if err := errors.Join(two(), two()); err != nil { // the second one finds nothing
			t.Error(err)
		}
		if got := texts(t, server, c.at); !slices.Equal(got, c.before) {
			t.Errorf("%s has %q in the end", c.at, got)
		}
	}
}

// TestUpdateRefused: what a real server does not do is told, with the reason, and never with the
// secret.
func TestUpdateRefused(t *testing.T) {
	t.Parallel()
	p, server := knot(t, knottest.Zone{Name: "example.org", Records: ownServer},
		knottest.Zone{Name: "keyless.example.net", Keyless: true, Records: ownServer},
		knottest.Zone{Name: "circle.example.net", Records: ownServer + "_acme-challenge.a CNAME b\nb CNAME _acme-challenge.a\n"})
	late := by(t, server, knottest.KeyName, knottest.Secret)
	late.way.(*update).now = func() time.Time { return time.Now().Add(-time.Hour) }
	nobody := by(t, net.JoinHostPort(knottest.Host(), p.port), knottest.KeyName, knottest.Secret)
	for _, c := range []struct {
		what string
		p    *Publisher
		name string
		want string
	}{
		{"another secret", by(t, server, knottest.KeyName, secret), "_acme-challenge.example.org", errSecret.Error()},
		{"another key", by(t, server, "other", knottest.Secret), "_acme-challenge.example.org", errSecret.Error()},
		{"another time", late, "_acme-challenge.example.org", errClocks.Error()},
		{"a zone without the key", p, "_acme-challenge.keyless.example.net", errSecret.Error()},
		{"no zone", p, "_acme-challenge.example.com", "it refuses"},
		{"aliases in a circle", p, "_acme-challenge.a.circle.example.net", "have no end"},
		{"no server", nobody, "_acme-challenge.example.org", errSilent.Error()},
	} {
		for what, err := range map[string]error{
			"is published": second(c.p.Publish(t.Context(), c.name, "one")), "is tried": c.p.Try(t.Context(), c.name),
		} {
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), knottest.Secret) || strings.Contains(err.Error(), "may still be there") {
				t.Errorf("%s %s: %v, want %q", c.what, what, err, c.want)
			}
		}
	}
}

func second[A any](_ A, err error) error { return err }

// TestAllServers: a text counts as shown once each server of the zone has it that answers, and is
// taken back where one does not in time.
func TestAllServers(t *testing.T) {
	t.Parallel()
	const name = "_acme-challenge.example.org"
	two := knottest.Host()
	zone := knottest.Zone{Name: "example.org", Records: ownServer + "@ NS two\ntwo A " + two + "\n@ NS away\naway A " + knottest.Host() + "\n"}
	zones := []knottest.Zone{zone}
	p, server := knot(t, zones...)
	behind := net.JoinHostPort(two, p.port)
	knottest.Start(t, behind, zones...)
	p.showTime = 1500 * time.Millisecond
	_, err := p.Publish(t.Context(), name, "one")
	if err == nil || !strings.Contains(err.Error(), behind+" does not show it") {
		t.Errorf("%v", err)
	}
	if got := texts(t, server, name); len(got) > 0 {
		t.Errorf("%q is left", got)
	}
	p.showTime = time.Minute
	over := make(chan error, 1)
	go func() { over <- second(p.Publish(t.Context(), name, "two")) }()
	for again := time.NewTicker(20 * time.Millisecond); len(texts(t, server, name)) == 0; {
		select {
		case err := <-over:
			t.Fatalf("it is not written, or counts as shown while one server does not have it: %v", err)
		case <-again.C:
		}
	}
	if _, err := by(t, behind, knottest.KeyName, knottest.Secret).way.present(t.Context(), name, "two"); err != nil {
		t.Fatal(err)
	}
	if err := <-over; err != nil {
		t.Error(err)
	}
}

// program is a script that notes how it was run, and then does what text says.
func program(t *testing.T, text string) (argv []string, notes string) {
	t.Helper()
	notes = filepath.Join(t.TempDir(), "notes")
	return []string{"/bin/sh", "-c", `echo "$*" >>"$0"; env >"$0.env"; ` + text, notes, "--zone", "a b"}, notes
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCommand: a program is run with what it is to write, and again to take that back, and its
// failures are told in its words; also then it is to take back what it may have written.
func TestCommand(t *testing.T) {
	t.Setenv("CAIRN_SECRET", "of ours")
	const name = "_acme-challenge.example.org"
	const present, cleanup = "--zone a b present " + name + " -one\n", "--zone a b cleanup " + name + " -one\n"
	p, server := knot(t, knottest.Zone{Name: "example.org", Records: ownServer + "_acme-challenge TXT -one\n"})
	for _, c := range []struct{ what, text, want string }{
		{"well", "exit 0", ""},
		{"on standard error", "echo; echo no token >&2; exit 3", `/bin/sh present: exit status 3; it says "no token"`},
		{"on standard output", `[ "$3" = cleanup ] || { echo no zone; exit 75; }`, `exit status 75; it says "no zone"`},
		{"without a word", `[ "$3" = cleanup ] || exit 77`, "exit status 77, without a word"},
		{"neither", "exit 1", "may still be there: /bin/sh cleanup: exit status 1"},
		{"much", `[ "$3" = cleanup ] || yes`, "more than 65536 octets"},
	} {
		argv, notes := program(t, c.text)
		command := ByCommand(argv, []string{server})
		command.port = p.port
		withdraw, err := command.Publish(t.Context(), name, "-one")
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.what, err, c.want)
		}
		want := present + cleanup
		if err == nil {
			if got := read(t, notes); got != present {
				t.Errorf("%s: run with %q", c.what, got)
			}
			if err := withdraw(); err != nil {
				t.Error(err)
			}
		}
		if got := read(t, notes); got != want {
			t.Errorf("%s: run with %q, want %q", c.what, got, want)
		}
		if env := read(t, notes+".env"); strings.Contains(env, "CAIRN_SECRET") || !strings.Contains(env, "PATH=/usr/local/bin:/usr/bin:/bin\n") {
			t.Errorf("its environment: %s", env)
		}
	}
}

// TestStopped: a node that ends has what was written taken back, whether the program is at work or
// the DNS is waited for.
func TestStopped(t *testing.T) {
	t.Parallel()
	const name = "_acme-challenge.example.org"
	p, server := knot(t, knottest.Zone{Name: "example.org", Records: ownServer})
	for what, text := range map[string]string{"writing": `[ "$3" = cleanup ] || { mv "$0" "$0.now"; exec sleep 600; }; mv "$0.now" "$0.over"`, "waiting": `mv "$0" "$0.now" 2>/dev/null; [ "$3" = present ] || mv "$0.now" "$0.over"`} {
		argv, notes := program(t, text)
		command := ByCommand(argv, []string{server})
		command.port = p.port
		ctx, cancel := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() { over <- second(command.Publish(ctx, name, "one")) }()
		for again := time.NewTicker(10 * time.Millisecond); ; {
			if _, err := os.Stat(notes + ".now"); err == nil {
				break
			}
			select {
			case err := <-over:
				t.Fatalf("it is over: %v", err)
			case <-again.C:
			}
		}
		cancel()
		if err := <-over; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
		read(t, notes+".over")
	}
}
