package home

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"cairn/mailstore"
	"cairn/node/api"
)

func check(b []byte) (*Contents, error) {
	c, _, err := Check(bytes.NewReader(b), asMade)
	return c, err
}

// startOf finds where a part begins.
func startOf(t *testing.T, b []byte, name string) int {
	t.Helper()
	at := bytes.Index(b, append([]byte{tagPart, byte(len(name))}, name...))
	if at < 0 {
		t.Fatalf("no part %s", name)
	}
	return at
}

func TestBackupIsWhole(t *testing.T) {
	b := backup(t, texts(), true)
	c, stats, err := Check(bytes.NewReader(b), asMade)
	if err != nil || stats.Messages != 1 || stats.Accounts != 1 {
		t.Fatalf("%+v, %v", stats, err)
	}
	want := facts()
	want.Journal = 1
	want.Parts = []string{ConfigFile, "keys/recorder.pem", "keys/node.pem", OrgKey, RecoveryKey, NetworkFile, EnrolFile, PinsFile, KnownFile, MailDir}
	got := c.Manifest
	if !slices.Equal(got.Parts, want.Parts) || !got.HasOrgKey() {
		t.Errorf("parts %v", got.Parts)
	}
	got.Parts, want.Parts = nil, nil
	if a, _ := got.encode(); string(a) != string(must(want.encode())) {
		t.Errorf("manifest %s", a)
	}
	for i, p := range c.Parts {
		if p.Name != c.Manifest.Parts[i] || p.Damage != "" || len(p.Digest) != 64 || p.Name != MailDir && p.Length != int64(len(texts()[p.Name])) {
			t.Errorf("part %+v", p)
		}
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// An octet that is another in a part is found in that part, and the parts behind it are still
// judged.
func TestDamageIsToldByPart(t *testing.T) {
	whole := backup(t, texts(), true)
	c, err := check(whole)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range c.Parts {
		b := bytes.Clone(whole)
		b[startOf(t, b, p.Name)+2+len(p.Name)+4+int(p.Stored)/2] ^= 0x10 // behind tag, name and the length of the chunk
		found, err := check(b)
		wantError(t, err, api.CodeInvalid, "it is damaged: "+p.Name+" (its SHA-256 is another)")
		for j, q := range found.Parts {
			if (q.Damage != "") != (j == i) {
				t.Errorf("with damage in %s: %+v", p.Name, q)
			}
		}
		if len(found.Parts) != len(c.Parts) {
			t.Errorf("with damage in %s only %d parts are judged", p.Name, len(found.Parts))
		}
	}
	b := bytes.Clone(whole)
	b[startOf(t, b, ConfigFile)+20] ^= 1
	b[startOf(t, b, PinsFile)+20] ^= 1
	_, err = check(b)
	wantError(t, err, api.CodeInvalid, PinsFile+" (")
	wantError(t, err, api.CodeInvalid, ConfigFile+" (")
}

// Whatever octet is another, and wherever the file ends, the backup is not taken for a whole one;
// each is told with what to try.
func TestEveryOctetCounts(t *testing.T) {
	whole := backup(t, texts(), false)
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 1 << (i % 8)
		_, err := check(b)
		wantError(t, err, api.CodeInvalid, "reading the backup: ")
	}
	for n := range whole {
		_, err := check(whole[:n])
		says := "it is cut off in "
		if n == 0 {
			says = "it is empty"
		}
		wantError(t, err, api.CodeInvalid, says)
	}
	_, err := check(append(bytes.Clone(whole), 0))
	wantError(t, err, api.CodeInvalid, "something follows its end")
	_, err = check(append(bytes.Clone(whole), whole...))
	wantError(t, err, api.CodeInvalid, "something follows its end")
}

func TestCutBackupTellsWhatIsMissing(t *testing.T) {
	whole := backup(t, texts(), false)
	_, err := check(whole[:startOf(t, whole, EnrolFile)+10])
	wantError(t, err, api.CodeInvalid, "it is cut off in enrol.cairn; behind that it lacks pins, known-peers, mail")
	_, err = check(whole[:len(whole)-1])
	wantError(t, err, api.CodeInvalid, "it is cut off in its last octets")
}

// What is told of a part that is cut off is what was there of it, and no more.
func TestCutPartIsNoLongerThanItWas(t *testing.T) {
	whole := backup(t, texts(), true)
	sound, err := check(whole)
	if err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		found, _ := check(whole[:n])
		for i, p := range found.Parts {
			if of := sound.Parts[i]; p.Name != of.Name || p.Length > of.Length || p.Stored > of.Stored {
				t.Fatalf("of %d octets: %+v, whole it is %+v", n, p, of)
			}
		}
	}
}

func TestForeignFiles(t *testing.T) {
	later := backup(t, texts(), false)
	binary.BigEndian.PutUint16(later[len(magic):], version+1)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(later)
	z.Close()
	for name, tt := range map[string]struct{ text, says string }{
		"later version": {string(later), "its format has version 2, this program knows version 1"},
		"text":          {"From: a@alpha.example\n", "it is none of a cairn node"},
		"gzip":          {packed.String(), "it is none of a cairn node"},
		"almost":        {"cairn-backuq\x00\x01", "it is none of a cairn node"},
	} {
		_, err := check([]byte(tt.text))
		if wantError(t, err, api.CodeInvalid, tt.says); t.Failed() {
			t.Fatal(name)
		}
	}
}

// written is a backup as nobody writes it, but with right lengths and digests.
func written(t testing.TB, manifest string, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	c, err := newWriter(&b, &Manifest{})
	if err != nil {
		t.Fatal(err)
	}
	b.Reset()
	c.sum.Reset()
	c.out.Write(binary.BigEndian.AppendUint16([]byte(magic), version))
	put := func(name, text string) {
		if err := c.part(name, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
			t.Fatal(err)
		}
	}
	put(manifestName, manifest)
	for _, p := range []string{ConfigFile, "keys/recorder.pem", "keys/node.pem", OrgKey, "../evil", MailDir} {
		if text, ok := parts[p]; ok {
			put(p, text)
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestStrangeBackups(t *testing.T) {
	manifest := func(parts ...string) string {
		m := facts()
		m.Parts = parts
		return string(must(m.encode()))
	}
	least := []string{ConfigFile, "keys/recorder.pem", "keys/node.pem", MailDir}
	filled := map[string]string{ConfigFile: "", "keys/recorder.pem": "", "keys/node.pem": ""}
	for name, tt := range map[string]struct {
		manifest string
		parts    map[string]string
		says     string
	}{
		"no JSON":                          {"{", nil, "its manifest"},
		"unknown field":                    {strings.Replace(manifest(least...), "{", `{"x":1,`, 1), nil, "not written as a node writes it"},
		"no mail":                          {manifest(least[:3]...), nil, "it lists no mail"},
		"foreign part":                     {manifest(append(least, "../evil")...), nil, `"../evil", which is no part`},
		"other order":                      {manifest(least[1], least[0], least[2], least[3]), nil, "it lists no cairn.toml where that has to be"},
		"twice":                            {manifest(least[0], least[0], least[1], least[2], least[3]), nil, "it lists no keys/recorder.pem"},
		"keys that ended in another order": {manifest(least[0], least[1], least[2], OldRecorderKey(10), OldRecorderKey(9), least[3]), nil, "it lists no mail where"},
		"a key that ended nowhere":         {manifest(least[0], least[1], least[2], "keys/recorder-old-09.pem", least[3]), nil, "it lists no mail where"},
		"great file":                       {manifest(least...), map[string]string{ConfigFile: strings.Repeat("x", maxFile+1)}, "more than 1048576 bytes"},
		"great manifest":                   {strings.Repeat(" ", maxManifest) + "{}", nil, "its manifest"},
		"no mail store":                    {manifest(least...), map[string]string{ConfigFile: "", "keys/recorder.pem": "", "keys/node.pem": "", MailDir: "text"}, "the mail store in it cannot be read"},
		"part missing":                     {manifest(least...), filled, "mail (it is not there)"},
	} {
		b := written(t, tt.manifest, tt.parts)
		_, err := check(b)
		if wantError(t, err, api.CodeInvalid, tt.says); t.Failed() {
			t.Fatal(name)
		}
		dir := t.TempDir() + "/n"
		if _, _, err := restore(dir, bytes.NewReader(b), now, quiet); err == nil {
			t.Errorf("%s: restored", name)
		}
	}
}

// What the manifest says of the node, and which parts it lists, is held to what is there.
func TestManifestIsHeldToItsParts(t *testing.T) {
	whole := backup(t, texts(), true)
	for says, facts := range map[string]Facts{
		"its manifest is not true: it says node 2222": func(map[string][]byte) (Manifest, error) {
			m := facts()
			m.Node = strings.Repeat("3", 64)
			return m, nil
		},
		"it says organisation Alpha, the parts say Beta; it says network net, the parts say none": func(map[string][]byte) (Manifest, error) {
			m := facts()
			m.Organisation, m.Network = "Beta", ""
			return m, nil
		},
		"no node's: keys/node.pem: node key": func(files map[string][]byte) (Manifest, error) {
			return Manifest{}, errors.New("keys/node.pem: " + string(files["keys/node.pem"]))
		},
	} {
		_, _, err := Check(bytes.NewReader(whole), facts)
		wantError(t, err, api.CodeInvalid, says)
		dir := t.TempDir() + "/n"
		w, err := Begin(dir)
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = w.Restore(bytes.NewReader(whole), facts, now, quiet)
		w.Abandon()
		if wantError(t, err, api.CodeInvalid, says); len(list(t, filepath.Dir(dir))) > 0 {
			t.Errorf("%v is left", list(t, filepath.Dir(dir)))
		}
	}

	m := facts()
	m.Journal = 7
	m.Parts = []string{ConfigFile, "keys/recorder.pem", "keys/node.pem", NetworkFile, MailDir}
	lie := written(t, string(must(m.encode())), map[string]string{ConfigFile: "", "keys/recorder.pem": "", "keys/node.pem": "", MailDir: emptyStore})
	_, err := check(lie)
	wantError(t, err, api.CodeInvalid, "it is damaged: network.cairn (it is not there)")
	m.Parts = slices.Delete(m.Parts, 3, 4)
	parts := map[string]string{ConfigFile: "", "keys/recorder.pem": "", "keys/node.pem": "", MailDir: emptyStore}
	_, err = check(written(t, string(must(m.encode())), parts))
	wantError(t, err, api.CodeInvalid, "it says change 7, the parts say 0")
	m.Journal = 0
	parts[OrgKey], parts["../evil"] = "key", "evil"
	found, err := check(written(t, string(must(m.encode())), parts))
	wantError(t, err, api.CodeInvalid, "it is damaged: keys/org.pem (the manifest does not list it), ../evil (the manifest does not list it)")
	if len(found.Parts) != 6 || found.Parts[5].Damage != "" {
		t.Errorf("parts %+v", found.Parts)
	}
}

// A part that is whole but cannot be taken, and one that is cut off, are among the parts that are
// told, with why.
func TestWhatEndsTheReadingIsTold(t *testing.T) {
	whole := backup(t, texts(), false)
	found, _ := check(whole[:startOf(t, whole, EnrolFile)+20])
	if last := found.Parts[len(found.Parts)-1]; last.Name != EnrolFile || !strings.HasPrefix(last.Damage, "it is cut off in enrol.cairn") {
		t.Errorf("%+v", last)
	}
	m := facts()
	m.Parts = []string{ConfigFile, "keys/recorder.pem", "keys/node.pem", MailDir}
	found, _ = check(written(t, string(must(m.encode())), map[string]string{ConfigFile: "", "keys/recorder.pem": "", "keys/node.pem": "", MailDir: "text"}))
	if last := found.Parts[len(found.Parts)-1]; last.Name != MailDir || !strings.Contains(last.Damage, "cannot be read") {
		t.Errorf("%+v", last)
	}
}

// bomb is a dump with one value of so many zeros, packed as well as can be.
func bomb(t *testing.T, zeros int) []byte {
	t.Helper()
	m := facts()
	m.Parts = []string{ConfigFile, "keys/recorder.pem", "keys/node.pem", MailDir}
	var b bytes.Buffer
	c, err := newWriter(&b, &m)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range m.Parts[:3] {
		c.part(name, func(io.Writer) error { return nil })
	}
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	z.Write([]byte(emptyStore[:len(emptyStore)-12]))
	z.Write(append([]byte{0, 0, 0, 2, 'b', 'x'}, binary.BigEndian.AppendUint32(nil, uint32(zeros))...))
	z.Write(make([]byte, zeros))
	z.Write(append(make([]byte, 11), 3))
	z.Close()
	head := append([]byte{tagPart, byte(len(MailDir))}, MailDir...)
	c.out.Write(head)
	p := &chunks{out: c.out, digest: sha256.New()}
	p.digest.Write(head[1:])
	p.Write(packed.Bytes())
	c.out.Write(p.digest.Sum(binary.BigEndian.AppendUint64(make([]byte, 4), p.length)))
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What unpacks to more than a node packs is refused soon, and told as that.
func TestBombIsRefused(t *testing.T) {
	if _, err := check(bomb(t, freeUnpacked/2)); err != nil {
		t.Error(err)
	}
	b := bomb(t, 4*freeUnpacked)
	_, err := check(b)
	wantError(t, err, api.CodeInvalid, "mail is not packed as a node packs it: it unpacks to more than 64 times its size")
	_, _, err = restore(t.TempDir()+"/n", bytes.NewReader(b), now, quiet)
	wantError(t, err, api.CodeInvalid, "it unpacks to more than 64 times its size")
}

// Mail that packs well does not make a backup that is refused.
func TestWellPackedMailIsNoBomb(t *testing.T) {
	dir, s := newHome(t, texts())
	err := s.Update(t.Context(), func(tx *mailstore.Tx) error {
		for i := range 3 {
			if _, err := tx.PutBlob(append(make([]byte, freeUnpacked), byte(i))); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := s.View(func(r *mailstore.Reader) error { return Create(&b, dir, r, facts(), false) }); err != nil {
		t.Fatal(err)
	}
	if _, err := check(b.Bytes()); err != nil || b.Len() > 3*freeUnpacked/maxRatio*11/10 {
		t.Errorf("%d bytes, %v", b.Len(), err)
	}
}

// A few octets that unpack to much, or claim to be long, cost no more memory than a reader's
// buffers.
func TestReadingTakesLittleMemory(t *testing.T) {
	m := facts()
	m.Parts = []string{ConfigFile, "keys/recorder.pem", "keys/node.pem", MailDir}
	file := written(t, string(must(m.encode())), map[string]string{ConfigFile: strings.Repeat("x", 16<<20)})
	mail := bomb(t, 8*freeUnpacked)
	claim := append([]byte(magic), 0, 1, tagPart, 8)
	claim = append(append(claim, manifestName...), 0xff, 0xff, 0xff, 0xff)
	for _, b := range [][]byte{file, mail, claim} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := check(b)
		runtime.ReadMemStats(&after)
		if taken := after.TotalAlloc - before.TotalAlloc; err == nil || taken > 4<<20 {
			t.Errorf("%d bytes taken, %v", taken, err)
		}
	}
}

// A disk that fails while the backup is read is no damage.
func TestUnreadableIsNotDamaged(t *testing.T) {
	whole := backup(t, texts(), false)
	broken := errors.New("input/output error")
	for _, n := range []int{0, 5, 100, len(whole) - 3, len(whole)} {
		_, _, err := Check(io.MultiReader(bytes.NewReader(whole[:n]), failing{broken}), asMade)
		if !errors.Is(err, broken) {
			t.Errorf("after %d octets: %v", n, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// emptyStore is the dump of a store of its identity and format alone, so that no database runs
// beside.
var emptyStore = "\x00\x00\x00\x02Ms\x00\x00\x00\x10" + strings.Repeat("i", 16) + "\x00\x00\x00\x02Mv\x00\x00\x00\x04\x00\x00\x00\x01" +
	strings.Repeat("\x00", 11) + "\x02"

func FuzzRead(f *testing.F) {
	m := facts()
	m.Parts = []string{ConfigFile, "keys/recorder.pem", "keys/node.pem", MailDir}
	seed := written(f, string(must(m.encode())), map[string]string{ConfigFile: "c", "keys/recorder.pem": "r", "keys/node.pem": "n", MailDir: emptyStore})
	if _, err := check(seed); err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add(seed[:len(seed)/2])
	f.Fuzz(func(t *testing.T, b []byte) {
		c, _, err := Check(bytes.NewReader(b), asMade)
		if err != nil {
			if _, ok := errors.AsType[*api.Error](err); !ok {
				t.Errorf("%v says nothing to its reader", err)
			}
			return
		}
		if len(c.Parts) != len(c.Manifest.Parts) || checkParts(c.Manifest.Parts) != nil {
			t.Errorf("taken with parts %v of %v", c.Parts, c.Manifest.Parts)
		}
	})
}
