package srs

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var (
	key = []byte("0123456789abcdef0123456789abcdef")
	now = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
)

// TestThereAndBack: what is rewritten finds back for ten days, whatever servers do to its case,
// and not if an octet is another or another key made it.
func TestThereAndBack(t *testing.T) {
	for _, tt := range []struct{ local, domain, begins, toLocal, toDomain string }{
		{"Ann", "a.example", "SRS0=", "Ann", "a.example"},
		{"ann=b+c", "a.example", "SRS0=", "ann=b+c", "a.example"},
		{"SRS0=abcd=ef=a.example=ann", "one.example", "SRS1=", "SRS0=abcd=ef=a.example=ann", "one.example"},
		{"srs0+abcd=ef=a.example=ann", "one.example", "SRS1=", "SRS0+abcd=ef=a.example=ann", "one.example"},
		{"SRS1=hash=one.example==abcd=ef=a.example=ann", "two.example", "SRS1=", "SRS0=abcd=ef=a.example=ann", "one.example"},
	} {
		made, err := Rewrite(key, tt.local, tt.domain, now)
		if err != nil || !strings.HasPrefix(made, tt.begins) || len(made) > maxLocal || !Is(made) {
			t.Fatalf("%s@%s: %q, %v", tt.local, tt.domain, made, err)
		}
		for _, as := range []string{made, strings.ToLower(made), strings.ToUpper(made)} {
			local, domain, err := Reverse(key, as, now.AddDate(0, 0, Days))
			if err != nil || !strings.EqualFold(local, tt.toLocal) || !strings.EqualFold(domain, tt.toDomain) || as == made && local != tt.toLocal {
				t.Errorf("%s: %s@%s, %v", as, local, domain, err)
			}
		}
		for i := 5; i < len(made); i++ {
			other := made[:i] + "x" + made[i+1:]
			if made[i] == 'x' || made[i] == 'X' {
				continue
			}
			if _, _, err := Reverse(key, other, now); err == nil {
				t.Errorf("%s is taken", other)
			}
		}
		if _, _, err := Reverse([]byte("another"), made, now); !errors.Is(err, ErrForeign) {
			t.Errorf("another key: %v", err)
		}
		_, _, err = Reverse(key, made, now.AddDate(0, 0, Days+2))
		if old := errors.Is(err, ErrOld); old != (tt.begins == "SRS0=") {
			t.Errorf("%s later: %v", made, err)
		}
	}
}

func TestForeign(t *testing.T) {
	for _, local := range []string{"", "ann", "SRS", "SRS0", "SRS0=", "SRS0==", "SRS0=a", "SRS2=a=b=c=d", "SRS0=abcdefgh=aa=a.example=ann", "SRS1=abcdefgh=a.example==x", strings.Repeat("SRS0=", 20)} {
		if _, _, err := Reverse(key, local, now); !errors.Is(err, ErrForeign) {
			t.Errorf("%q: %v", local, err)
		}
	}
	if _, err := Rewrite(key, strings.Repeat("a", 40), "a.example", now); !errors.Is(err, ErrLong) {
		t.Errorf("a long one: %v", err)
	}
	if _, err := Rewrite(key, "SRS1=a", "a.example", now); !errors.Is(err, ErrForeign) {
		t.Errorf("half of one: %v", err)
	}
}

// Nothing is found back that was not rewritten.
func FuzzReverse(f *testing.F) {
	f.Add("SRS0=abcdefgh=aa=a.example=ann")
	f.Add("SRS1=abcdefgh=a.example==b")
	f.Fuzz(func(t *testing.T, local string) {
		if l, d, err := Reverse(key, local, now); err == nil {
			t.Fatalf("%q stands for %s@%s", local, l, d)
		}
	})
}
