package noise

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
)

// Certificate is the word of an authority that a server's key is one of its own:
// SIGNATURE_NOISE_MESSAGE of §4.5.2, together with the key that it is about.
type Certificate struct {
	Version       uint16 // of the format; 0
	ValidFrom     uint32 // Unix seconds
	NotValidAfter uint32 // Unix seconds
	Signature     [64]byte
	Server        PublicKey // sent apart from the rest
}

const (
	certificateSize   = signedSize + 64
	signedSize        = 2 + 4 + 4
	certificateFormat = 0
)

func parseCertificate(b *[certificateSize]byte, server PublicKey) Certificate {
	return Certificate{
		Version:       binary.LittleEndian.Uint16(b[0:]),
		ValidFrom:     binary.LittleEndian.Uint32(b[2:]),
		NotValidAfter: binary.LittleEndian.Uint32(b[6:]),
		Signature:     [64]byte(b[signedSize:]),
		Server:        server,
	}
}

func (c *Certificate) bytes() (b [certificateSize]byte) {
	binary.LittleEndian.PutUint16(b[0:], c.Version)
	binary.LittleEndian.PutUint32(b[2:], c.ValidFrom)
	binary.LittleEndian.PutUint32(b[6:], c.NotValidAfter)
	copy(b[signedSize:], c.Signature[:])
	return b
}

// digest returns what is signed. The server's key goes in as its x coordinate,
// not as the encoding that is sent.
func (c *Certificate) digest() [32]byte {
	b := c.bytes()
	return sha256.Sum256(append(b[:signedSize:signedSize], c.Server[:]...))
}

// verify returns a *CertificateError if c is not what a client may rely on.
func (c *Certificate) verify(authority PublicKey, now time.Time, leeway time.Duration) error {
	refuse := func(format string, args ...any) error {
		return &CertificateError{Certificate: *c, Reason: fmt.Sprintf(format, args...)}
	}
	from, until := time.Unix(int64(c.ValidFrom), 0).UTC(), time.Unix(int64(c.NotValidAfter), 0).UTC()
	switch {
	case c.Version != certificateFormat:
		return refuse("its format is version %d, only %d is known", c.Version, certificateFormat)
	case !c.signedBy(authority):
		return refuse("the authority %v has not signed it: check the key in the pool's URL", authority)
	case now.Before(from.Add(-leeway)):
		return refuse("it is valid from %s on, and here it is %s: check the clock", stamp(from), stamp(now))
	case now.After(until.Add(leeway)):
		return refuse("it was valid until %s, and here it is %s: check the clock, or tell the pool", stamp(until), stamp(now))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func (c *Certificate) signedBy(authority PublicKey) bool {
	key, err := schnorr.ParsePubKey(authority[:])
	if err != nil {
		return false
	}
	sig, err := schnorr.ParseSignature(c.Signature[:])
	if err != nil {
		return false
	}
	digest := c.digest()
	return sig.Verify(digest[:], key)
}

// CertificateError says that the server did not prove that it belongs to the
// authority: it is another server, or a clock is wrong.
type CertificateError struct {
	Certificate Certificate
	Reason      string
}

func (e *CertificateError) Error() string {
	return fmt.Sprintf("the server's certificate is refused: %s", e.Reason)
}

// Identity is what a server proves who it is with: a key of its own and the
// authority's certificate for it. It may serve any number of connections at the
// same time, for as long as the certificate is valid.
type Identity struct {
	static *keyPair
	cert   Certificate
}

// NewIdentity makes a key and signs a certificate for it. The times count whole
// seconds. Clients whose clocks run late refuse a certificate that has just
// begun, so let from be some time ago.
func NewIdentity(authority *PrivateKey, from, until time.Time) (*Identity, error) {
	if from.Unix() < 0 || until.Unix() > math.MaxUint32 || until.Before(from) {
		return nil, fmt.Errorf("a certificate can't be valid from %s until %s: want 1970 to 2106, in this order", stamp(from), stamp(until))
	}
	static, err := newKeyPair()
	if err != nil {
		return nil, err
	}
	cert := Certificate{ValidFrom: uint32(from.Unix()), NotValidAfter: uint32(until.Unix())}
	var aux [32]byte
	if _, err := rand.Read(aux[:]); err != nil {
		return nil, err
	}
	return certify(static, cert, authority, aux)
}

// certify signs cert for the key static, with the auxiliary random data aux of
// BIP340.
func certify(static *keyPair, cert Certificate, authority *PrivateKey, aux [32]byte) (*Identity, error) {
	static.reused = true
	cert.Server = PublicKey(schnorr.SerializePubKey(static.priv.PubKey()))
	digest := cert.digest()
	sig, err := schnorr.Sign(&authority.key, digest[:], schnorr.CustomNonce(aux))
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	cert.Signature = [64]byte(sig.Serialize())
	return &Identity{static: static, cert: cert}, nil
}
