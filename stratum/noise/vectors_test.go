package noise

import (
	"bytes"
	"crypto/sha256"
	"io"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
)

func checkBytes(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s is\n%x, want\n%x", what, got, want)
	}
}

// N1: every step of a handshake whose keys are known.
func TestN1Transcript(t *testing.T) {
	p, v := vectors().ProtocolName, vectors().Handshake
	if protocolName != p.Name {
		t.Fatalf("the protocol is %s, want %s", protocolName, p.Name)
	}
	var s symmetric
	s.init()
	checkBytes(t, "the first ck", s.ck[:], p.CK)
	checkBytes(t, "the first h", s.h[:], p.H)

	re := fixedResponder()
	s.mixHash(v.InitiatorPub)
	s.mixHash(nil)
	checkBytes(t, "h after act 1", s.h[:], v.HAfterAct1)
	s.mixHash(re.pub[:])

	mix := func(secret [32]byte, wantCK, wantK []byte) {
		t.Helper()
		next := s
		var k [32]byte
		if err := next.derive(secret[:], &next.ck, &k); err != nil {
			t.Fatal(err)
		}
		checkBytes(t, "k", k[:], wantK)
		if err := s.mixKey(&secret); err != nil {
			t.Fatal(err)
		}
		checkBytes(t, "ck", s.ck[:], wantCK)
		if secret != ([32]byte{}) {
			t.Error("the shared secret is still there")
		}
	}
	ee, err := re.ecdh((*[ellSize]byte)(v.InitiatorPub), false)
	if err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "ee", ee[:], v.ECDHee)
	mix(ee, v.CKAfterEE, v.KAfterEE)
	if err := s.sealAndHash(make([]byte, ellSize+tagSize), v.StaticPub); err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "h after s", s.h[:], v.HAfterS)
	for _, reused := range []bool{false, true} {
		static := fixedPair(v.StaticPriv, v.StaticPub)
		static.reused = reused
		es, err := static.ecdh((*[ellSize]byte)(v.InitiatorPub), false)
		if err != nil {
			t.Fatal(err)
		}
		checkBytes(t, "es", es[:], v.ECDHes)
	}
	mix([32]byte(v.ECDHes), v.CKAfterES, v.KAfterES)
	if err := s.sealAndHash(make([]byte, certificateSize+tagSize), v.CertMessage); err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "the last h", s.h[:], v.HFinal)
	var k1, k2 [32]byte
	if err := s.derive(nil, &k1, &k2); err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "k1", k1[:], v.K1)
	checkBytes(t, "k2", k2[:], v.K2)
}

// N1: the messages of both sides, and the keys they end with.
func TestN1Acts(t *testing.T) {
	v := vectors().Handshake
	i := newInitiator(fixedInitiator())
	first := i.act1()
	checkBytes(t, "act 1", first[:], v.Act1)

	r := newResponder(fixedResponder(), fixedIdentity())
	second, err := r.act2(&first)
	if err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "act 2", second[:], v.Act2)

	cert, err := i.readAct2(&second)
	if err != nil {
		t.Fatal(err)
	}
	checkBytes(t, "the server's key", cert.Server[:], v.StaticX)
	b, digest := cert.bytes(), cert.digest()
	checkBytes(t, "the certificate", b[:], v.CertMessage)
	checkBytes(t, "what is signed", digest[:], v.CertHash)
	if want := fixedIdentity().cert; cert != want {
		t.Errorf("the certificate is %+v, want %+v", cert, want)
	}

	i2r, r2i := fixedCiphers(t)
	send, receive, err := i.split()
	if err != nil {
		t.Fatal(err)
	}
	sameCipher(t, send, i2r())
	sameCipher(t, receive, r2i())
	receive, send, err = r.split()
	if err != nil {
		t.Fatal(err)
	}
	sameCipher(t, send, r2i())
	sameCipher(t, receive, i2r())
	if i.symmetric.ck != ([32]byte{}) || i.cipher.aead != nil || r.symmetric.ck != ([32]byte{}) || r.cipher.aead != nil {
		t.Error("the keys of the handshake are still there after it")
	}
}

func sameCipher(t *testing.T, a, b cipherState) {
	t.Helper()
	x, errX := a.seal(nil, nil, []byte("text"))
	y, errY := b.seal(nil, nil, []byte("text"))
	if errX != nil || errY != nil || !bytes.Equal(x, y) {
		t.Errorf("ciphers differ: %x %v, %x %v", x, errX, y, errY)
	}
}

// N1: frames after the handshake.
func TestN1Transport(t *testing.T) {
	var toServer, toClient bytes.Buffer
	i2r, r2i := fixedCiphers(t)
	client := newConn(&wire{Reader: &toClient, Writer: &toServer}, Certificate{}, i2r(), r2i())
	server := newConn(&wire{Reader: &toServer, Writer: &toClient}, Certificate{}, r2i(), i2r())
	for n, v := range vectors().Handshake.TransportBlock {
		payload := []byte(v.Payload)
		if v.SHA256 != nil { // the rule for the bytes stands in the vector
			payload = make([]byte, 2*maxPlain+5)
			for i := range payload {
				payload[i] = byte(7*i + 3)
			}
		}
		f := []byte{byte(v.Ext), byte(v.Ext >> 8), v.Type, byte(len(payload)), byte(len(payload) >> 8), byte(len(payload) >> 16)}
		f = append(f, payload...)
		from, to, sent := client, server, &toServer
		if v.Dir == "r->i" {
			from, to, sent = server, client, &toClient
		}
		if from.tx.cipher.n != v.Nonce {
			t.Fatalf("%d: the nonce is %d, want %d", n, from.tx.cipher.n, v.Nonce)
		}
		if _, err := from.Write(f); err != nil {
			t.Fatal(err)
		}
		if v.SHA256 != nil {
			sum := sha256.Sum256(sent.Bytes())
			checkBytes(t, "ciphertext's hash", sum[:], v.SHA256)
			if sent.Len() != v.Len {
				t.Errorf("%d bytes of ciphertext, want %d", sent.Len(), v.Len)
			}
		} else {
			checkBytes(t, "ciphertext", sent.Bytes(), v.Ciphertext)
		}
		got := make([]byte, len(f))
		if _, err := io.ReadFull(to, got); err != nil {
			t.Fatal(err)
		}
		checkBytes(t, "what was read", got, f)
	}
}

// N2: the 83 vectors of BIP324 that concern keys.
func TestN2BIP324(t *testing.T) {
	var v struct {
		Decode []struct {
			Ell     hexBytes `json:"ellswift"`
			X       hexBytes `json:"x"`
			Comment string   `json:"comment"`
		} `json:"decode"`
		ECDH []struct {
			Priv       hexBytes `json:"in_priv_ours"`
			Ours       hexBytes `json:"in_ellswift_ours"`
			Theirs     hexBytes `json:"in_ellswift_theirs"`
			Initiating string   `json:"in_initiating"`
			Secret     hexBytes `json:"mid_shared_secret"`
		} `json:"ecdh"`
	}
	mustRead("testdata/bip324.json", &v)
	if n := len(v.Decode) + len(v.ECDH); n != 83 {
		t.Fatalf("%d vectors, want 83", n)
	}
	for _, c := range v.Decode {
		ell := [ellSize]byte(c.Ell)
		p, err := decodePoint(&ell)
		if err != nil {
			t.Errorf("%s: %v", c.Comment, err)
			continue
		}
		checkBytes(t, c.Comment, schnorr.SerializePubKey(p), c.X)
		checkBytes(t, "the encoding afterwards", ell[:], c.Ell)
	}
	for _, c := range v.ECDH {
		for _, reused := range []bool{false, true} {
			k := fixedPair(c.Priv, c.Ours)
			k.reused = reused
			got, err := k.ecdh((*[ellSize]byte)(c.Theirs), c.Initiating == "1")
			if err != nil {
				t.Error(err)
			}
			checkBytes(t, "the shared secret", got[:], c.Secret)
		}
	}
}
