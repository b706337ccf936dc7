package noise

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hexBytes is a string of hex digits in JSON.
type hexBytes []byte

func (h *hexBytes) UnmarshalText(b []byte) (err error) {
	*h, err = hex.DecodeString(string(b))
	return err
}

// handshakeVectors is testdata/handshake.json.
type handshakeVectors struct {
	ProtocolName struct {
		Name string   `json:"name"`
		CK   hexBytes `json:"ck"`
		H    hexBytes `json:"h_after_empty_prologue"`
	} `json:"protocol_name"`
	Keys []struct {
		Raw       hexBytes `json:"raw_xonly"`
		Text      string   `json:"base58check"`
		Secret    string   `json:"secret_key_base58check"`
		SecretRaw hexBytes `json:"secret_raw"`
	} `json:"keys"`
	Handshake struct {
		InitiatorPriv  hexBytes `json:"initiator_ephemeral_priv"`
		InitiatorPub   hexBytes `json:"initiator_ephemeral_ellswift"`
		ResponderPriv  hexBytes `json:"responder_ephemeral_priv"`
		ResponderPub   hexBytes `json:"responder_ephemeral_ellswift"`
		StaticPriv     hexBytes `json:"responder_static_priv"`
		StaticPub      hexBytes `json:"responder_static_ellswift"`
		StaticX        hexBytes `json:"responder_static_xonly"`
		AuthorityPriv  hexBytes `json:"authority_priv"`
		AuthorityX     hexBytes `json:"authority_xonly"`
		AuthorityText  string   `json:"authority_base58check"`
		CertVersion    uint16   `json:"cert_version"`
		CertFrom       uint32   `json:"cert_valid_from"`
		CertUntil      uint32   `json:"cert_not_valid_after"`
		CertHash       hexBytes `json:"cert_message_hash"`
		SchnorrAux     hexBytes `json:"schnorr_aux_rand"`
		CertMessage    hexBytes `json:"signature_noise_message"`
		Act1           hexBytes `json:"act1"`
		Act2           hexBytes `json:"act2"`
		HAfterAct1     hexBytes `json:"h_after_act1"`
		ECDHee         hexBytes `json:"ecdh_ee"`
		CKAfterEE      hexBytes `json:"ck_after_ee"`
		KAfterEE       hexBytes `json:"k_after_ee"`
		HAfterS        hexBytes `json:"h_after_s"`
		ECDHes         hexBytes `json:"ecdh_es"`
		CKAfterES      hexBytes `json:"ck_after_es"`
		KAfterES       hexBytes `json:"k_after_es"`
		HFinal         hexBytes `json:"h_final"`
		K1             hexBytes `json:"k1_initiator_to_responder"`
		K2             hexBytes `json:"k2_responder_to_initiator"`
		TransportBlock []struct {
			Dir        string   `json:"dir"`
			Ext        uint16   `json:"ext"`
			Type       uint8    `json:"msg_type"`
			Payload    hexBytes `json:"payload"`
			Ciphertext hexBytes `json:"ciphertext"`
			SHA256     hexBytes `json:"ciphertext_sha256"`
			Len        int      `json:"ciphertext_len"`
			Nonce      uint64   `json:"start_nonce"`
		} `json:"transport"`
	} `json:"handshake"`
	CiphertextLen []struct{ Pt, Ct int } `json:"ciphertext_len"`
}

var vectors = sync.OnceValue(func() (v handshakeVectors) {
	mustRead("testdata/handshake.json", &v)
	return v
})

func mustRead(name string, v any) {
	b, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		panic(err)
	}
}

// fixedPair returns a key pair of known bytes.
func fixedPair(priv, pub []byte) *keyPair {
	k, _ := btcec.PrivKeyFromBytes(priv)
	return &keyPair{priv: *k, pub: [ellSize]byte(pub)}
}

func fixedAuthority() *PrivateKey {
	k, _ := btcec.PrivKeyFromBytes(vectors().Handshake.AuthorityPriv)
	return &PrivateKey{key: *k}
}

func fixedInitiator() *keyPair {
	v := vectors().Handshake
	return fixedPair(v.InitiatorPriv, v.InitiatorPub)
}

func fixedResponder() *keyPair {
	v := vectors().Handshake
	return fixedPair(v.ResponderPriv, v.ResponderPub)
}

// fixedIdentity is the server of the vectors.
var fixedIdentity = sync.OnceValue(func() *Identity {
	v := vectors().Handshake
	cert := Certificate{Version: v.CertVersion, ValidFrom: v.CertFrom, NotValidAfter: v.CertUntil}
	id, err := certify(fixedPair(v.StaticPriv, v.StaticPub), cert, fixedAuthority(), [32]byte(v.SchnorrAux))
	if err != nil {
		panic(err)
	}
	return id
})

// lasting is the server of the vectors with a certificate for all times.
var lasting = sync.OnceValue(func() *Identity {
	id, err := NewIdentity(fixedAuthority(), time.Unix(0, 0), time.Unix(1<<32-1, 0))
	if err != nil {
		panic(err)
	}
	return id
})

// trusting is the configuration of a client of lasting.
func trusting() Config { return Config{Authority: fixedAuthority().Public()} }

// fixedCiphers returns the ciphers of both sides after the vectors' handshake.
func fixedCiphers(t testing.TB) (i2r, r2i func() cipherState) {
	of := func(key []byte) func() cipherState {
		return func() cipherState {
			var c cipherState
			k := [32]byte(key)
			if err := c.setKey(&k); err != nil {
				t.Fatal(err)
			}
			return c
		}
	}
	return of(vectors().Handshake.K1), of(vectors().Handshake.K2)
}

// wire is a net.Conn made of a reader and a writer.
type wire struct {
	io.Reader
	io.Writer
	net.Conn // for what is not used
	closed   bool
}

func (w *wire) Read(p []byte) (int, error)  { return w.Reader.Read(p) }
func (w *wire) Write(p []byte) (int, error) { return w.Writer.Write(p) }
func (w *wire) Close() error                { w.closed = true; return nil }

// reading returns a server's Conn that reads what the vectors' client sealed.
func reading(t testing.TB, r io.Reader) (*Conn, *wire) {
	i2r, r2i := fixedCiphers(t)
	w := &wire{Reader: r}
	return newConn(w, Certificate{}, r2i(), i2r()), w
}

// writing returns the vectors' client.
func writing(t testing.TB, w io.Writer) *Conn {
	i2r, r2i := fixedCiphers(t)
	return newConn(&wire{Writer: w}, Certificate{}, i2r(), r2i())
}

// sealed returns what the vectors' client sends for frames.
func sealed(t testing.TB, frames ...[]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	c := writing(t, &b)
	for _, f := range frames {
		if n, err := c.Write(f); err != nil || n != len(f) {
			t.Fatal(n, err)
		}
	}
	return b.Bytes()
}

// frame returns a frame whose payload has n bytes.
func frame(n int) []byte {
	b := make([]byte, headerSize+n)
	b[0], b[1], b[2] = byte(n), byte(n>>3), 0x1f
	b[3], b[4], b[5] = byte(n), byte(n>>8), byte(n>>16)
	for i := range n {
		b[headerSize+i] = byte(7*i + n)
	}
	return b
}

// connected returns both ends of a connection over a pipe.
func connected(t testing.TB) (client, server *Conn) {
	t.Helper()
	a, b := net.Pipe()
	var wg sync.WaitGroup
	var err1, err2 error
	wg.Go(func() { server, err2 = Server(context.Background(), b, lasting(), Config{}) })
	client, err1 = Client(context.Background(), a, trusting())
	wg.Wait()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}
