package noise

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// N7: keys as they stand in URLs and in configurations.
func TestN7Keys(t *testing.T) {
	texts := map[string]hexBytes{vectors().Handshake.AuthorityText: vectors().Handshake.AuthorityX}
	for _, v := range vectors().Keys {
		texts[v.Text] = v.Raw
		if v.Secret == "" {
			continue
		}
		secret, err := ParsePrivateKey(v.Secret)
		if err != nil {
			t.Fatal(err)
		}
		b := secret.key.Key.Bytes()
		checkBytes(t, "the secret key", b[:], v.SecretRaw)
		if secret.Encode() != v.Secret {
			t.Errorf("the secret key is written %s, want %s", secret.Encode(), v.Secret)
		}
		if secret.Public().String() != v.Text {
			t.Errorf("the public key is %v, want %s", secret.Public(), v.Text)
		}
	}
	if len(texts) != 3 {
		t.Fatalf("%d keys, want 3", len(texts))
	}
	for text, raw := range texts {
		key, err := ParsePublicKey(text)
		if err != nil {
			t.Error(err)
		}
		checkBytes(t, text, key[:], raw)
		if key.String() != text {
			t.Errorf("%x is written %v, want %s", raw, key, text)
		}
	}
}

func TestN7WrongKeys(t *testing.T) {
	good := vectors().Keys[0].Text
	body := func(prefix string, n int, fill byte) string {
		return encodeBase58Check(append([]byte(prefix), bytes.Repeat([]byte{fill}, n)...))
	}
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "too short"},
		{"short", "11", "too short"},
		{"a character changed", strings.Replace(good, "boQ", "boR", 1), "checksum"},
		{"a character missing", good[:len(good)-1], "checksum"},
		{"a character more", good + "1", "checksum"},
		{"two swapped", strings.Replace(good, "hq", "qh", 1), "checksum"},
		{"zero", good[:7] + "0" + good[8:], "character 8 is none of base58"},
		{"blank", good + " ", "character 52 is none"},
		{"not ASCII", good + "é", "character 52 is none"},
		{"old format", "EguTM8URcZDQVeEBsM4B5vg9weqEUnufA8pm85fG4bZd", "checksum"},
		{"a secret key", vectors().Keys[1].Secret, "secret"},
		{"version 2", body("\x02\x00", 32, 7), "version is 2"},
		{"version 256", body("\x00\x01", 32, 7), "version is 256"},
		{"31 bytes", body("\x01\x00", 31, 7), "holds 33 bytes, want 34"},
		{"33 bytes", body("\x01\x00", 33, 7), "holds 35 bytes, want 34"},
		{"no key", body("\x01\x00", 32, 0), "point of the curve"},
		{"too large a number", body("\x01\x00", 32, 0xff), "point of the curve"},
		{"not on the curve", body("\x01\x00", 32, 5), "point of the curve"},
		{"long", strings.Repeat("9", 1<<20), "characters"},
	} {
		key, err := ParsePublicKey(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) || key != (PublicKey{}) {
			t.Errorf("%s: %v, %v; want %q", c.name, key, err, c.want)
		}
		if err != nil && len(err.Error()) > 250 {
			t.Errorf("%s: the error has %d bytes", c.name, len(err.Error()))
		}
	}

	order := "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xba\xae\xdc\xe6\xaf\x48\xa0\x3b\xbf\xd2\x5e\x8c\xd0\x36\x41\x41"
	secret := vectors().Keys[1].Secret
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "too short"},
		{"a public key", good, "holds 34 bytes, want 32"},
		{"a character changed", secret[:20] + "9" + secret[21:], "checksum"},
		{"zero", body("", 32, 0), "from 1 to the order"},
		{"the order", encodeBase58Check([]byte(order)), "from 1 to the order"},
		{"above it", body("", 32, 0xff), "from 1 to the order"},
	} {
		_, err := ParsePrivateKey(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("secret key, %s: %v, want %q", c.name, err, c.want)
		}
		if err != nil && c.text != "" && strings.Contains(err.Error(), c.text) {
			t.Errorf("secret key, %s: the error shows it", c.name)
		}
	}
}

// Zeros at the front are ones in base58.
func TestBase58Zeros(t *testing.T) {
	for n := range 8 {
		want := append(make([]byte, n), "key"...)
		got, err := decodeBase58Check(encodeBase58Check(want))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%x, %v; want %x", got, err, want)
		}
	}
	for n := range 3 {
		got, err := decodeBase58Check(encodeBase58Check(make([]byte, n)))
		if err != nil || !bytes.Equal(got, make([]byte, n)) {
			t.Errorf("%x, %v; want %d zeros", got, err, n)
		}
	}
}

func TestPrivateKeyStaysHidden(t *testing.T) {
	k, err := ParsePrivateKey(vectors().Keys[1].Secret)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{k, *k, struct{ K *PrivateKey }{k}, struct{ K PrivateKey }{*k}} {
			s := fmt.Sprintf(verb, v)
			for _, part := range []string{"mkDL", "65995eb1", "6599", "101 153", "0x65", "1704549041"} {
				if strings.Contains(s, part) {
					t.Errorf("%s of %T shows %s", verb, v, s)
				}
			}
		}
	}
}

func TestGeneratePrivateKey(t *testing.T) {
	a, errA := GeneratePrivateKey()
	b, errB := GeneratePrivateKey()
	if errA != nil || errB != nil || a.Encode() == b.Encode() {
		t.Errorf("%v, %v", errA, errB)
	}
	for _, k := range []*PrivateKey{a, b} {
		again, err := ParsePrivateKey(k.Encode())
		if err != nil || again.Public() != k.Public() {
			t.Errorf("%v", err)
		}
		if p, err := ParsePublicKey(k.Public().String()); err != nil || p != k.Public() {
			t.Errorf("%v, %v", p, err)
		}
	}
}

// TestClientKey: no connection begins as one for Stratum V1 or HTTP does.
func TestClientKey(t *testing.T) {
	for range 500 { // of which 14 would
		k, err := newClientKey()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte([]byte{0x47, 0x50, 0x7b, 0x20, 0x0a, 0x0d, 0x16}, k.pub[0]) >= 0 {
			t.Errorf("a key begins with %02x", k.pub[0])
		}
	}
}

// Each encoding of a key stands for it, and no two are alike.
func TestKeyPairEncodes(t *testing.T) {
	seen := map[[ellSize]byte]bool{}
	for range 20 {
		k, err := newKeyPair()
		if err != nil {
			t.Fatal(err)
		}
		p, err := decodePoint(&k.pub)
		if err != nil {
			t.Fatal(err)
		}
		var want, got [32]byte
		copy(want[:], k.priv.PubKey().SerializeCompressed()[1:])
		copy(got[:], p.SerializeCompressed()[1:])
		checkBytes(t, "the key of an encoding", got[:], want[:])
		if seen[k.pub] {
			t.Error("an encoding came twice")
		}
		seen[k.pub] = true
	}
}
