package noise

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ellswift"
	"github.com/btcsuite/btcd/btcec/v2/schnorr"
)

// PublicKey is the x coordinate of a point of secp256k1, big-endian, as in
// BIP340: the key of an authority or of a server. The zero PublicKey is no key.
type PublicKey [32]byte

// keyVersion stands before an authority's public key in its text: the version 1
// as a little-endian U16 (§4.7).
var keyVersion = [2]byte{1, 0}

// ParsePublicKey reads the key of an authority as it stands in a pool's URL:
// base58check of a version and the x coordinate.
func ParsePublicKey(s string) (PublicKey, error) {
	key, err := parsePublicKey(s)
	if err != nil {
		return PublicKey{}, fmt.Errorf("authority key %.80q: %w", s, err)
	}
	return key, nil
}

func parsePublicKey(s string) (PublicKey, error) {
	var key PublicKey
	b, err := decodeBase58Check(s)
	switch {
	case err != nil:
		return key, err
	case len(b) == len(key):
		return key, errors.New("it has no version, as is the case for secret keys; the public one begins with 9")
	case len(b) != len(keyVersion)+len(key):
		return key, fmt.Errorf("it holds %d bytes, want %d", len(b), len(keyVersion)+len(key))
	case [2]byte(b[:2]) != keyVersion:
		return key, fmt.Errorf("its version is %d, only 1 is known", uint(b[0])|uint(b[1])<<8)
	}
	key = PublicKey(b[2:])
	if _, err := schnorr.ParsePubKey(key[:]); err != nil {
		return PublicKey{}, errors.New("it is not a point of the curve")
	}
	return key, nil
}

// String returns the key as ParsePublicKey reads it.
func (k PublicKey) String() string {
	return encodeBase58Check(append(keyVersion[:], k[:]...))
}

// PrivateKey is the secret key of an authority. Printing one shows nothing of
// it; what it is stored as, Encode returns.
type PrivateKey struct {
	key btcec.PrivateKey
}

// GeneratePrivateKey returns a new key.
func GeneratePrivateKey() (*PrivateKey, error) {
	k, err := randomScalar()
	if err != nil {
		return nil, err
	}
	defer k.Zero()
	return &PrivateKey{key: btcec.PrivateKey{Key: *k}}, nil
}

// ParsePrivateKey reads a key as the reference implementation writes it:
// base58check of 32 bytes, without a version. The error does not repeat s.
func ParsePrivateKey(s string) (*PrivateKey, error) {
	b, err := decodeBase58Check(s)
	if err != nil {
		return nil, fmt.Errorf("authority secret key: %w", err)
	}
	if len(b) != 32 {
		return nil, fmt.Errorf("authority secret key: it holds %d bytes, want 32", len(b))
	}
	k := new(PrivateKey)
	overflow := k.key.Key.SetByteSlice(b)
	clear(b)
	if overflow || k.key.Key.IsZero() {
		return nil, errors.New("authority secret key: it is not a number from 1 to the order of the curve")
	}
	return k, nil
}

// Encode returns the key as ParsePrivateKey reads it. Whoever has it can pretend
// to be any server of the authority.
func (k *PrivateKey) Encode() string {
	b := k.key.Key.Bytes()
	defer clear(b[:])
	return encodeBase58Check(b[:])
}

// Public returns the key to give to clients.
func (k *PrivateKey) Public() PublicKey {
	return PublicKey(schnorr.SerializePubKey(k.key.PubKey()))
}

// String returns a word that tells nothing.
func (k PrivateKey) String() string { return "[secret key]" }

// GoString returns what String does.
func (k PrivateKey) GoString() string { return k.String() }

// ellSize is the length of a public key on the wire: two field elements, u and
// t, big-endian (BIP324, ElligatorSwift).
const ellSize = 32 + 32

// keyPair is a key of one side of the handshake.
type keyPair struct {
	priv btcec.PrivateKey

	// pub is the encoding that the peer gets to see. Each point has many, and the
	// one that was sent goes into the shared secret.
	pub [ellSize]byte

	// reused says that the key serves many connections: what it is multiplied
	// with must not be able to tell it by the time that takes.
	reused bool
}

func newKeyPair() (*keyPair, error) {
	d, err := randomScalar()
	if err != nil {
		return nil, err
	}
	k := &keyPair{priv: btcec.PrivateKey{Key: *d}}
	d.Zero()
	var p btcec.JacobianPoint
	k.priv.PubKey().AsJacobian(&p)
	u, t, err := ellswift.XElligatorSwift(&p.X)
	if err != nil {
		return nil, err
	}
	u.PutBytesUnchecked(k.pub[:32])
	t.PutBytesUnchecked(k.pub[32:])
	return k, nil
}

// likeV1 are the bytes with which a connection begins that is not one for
// Stratum V2: a line of V1, after white space perhaps, a request of HTTP, a TLS
// handshake. Pools that take all of them on one port go by it (blitzpool).
const likeV1 = "{\n\r GP\x16"

// newClientKey returns a key whose encoding, the first that a client sends, is not
// taken for anything else.
func newClientKey() (*keyPair, error) {
	for {
		k, err := newKeyPair()
		if err != nil || strings.IndexByte(likeV1, k.pub[0]) < 0 {
			return k, err
		}
		k.wipe()
	}
}

// wipe makes k forget its secret.
func (k *keyPair) wipe() { k.priv.Zero() }

// randomScalar returns a number from 1 to the order of the curve minus 1.
func randomScalar() (*btcec.ModNScalar, error) {
	var b [32]byte
	defer clear(b[:])
	k := new(btcec.ModNScalar)
	for {
		if _, err := rand.Read(b[:]); err != nil {
			return nil, err
		}
		if overflow := k.SetBytes(&b); overflow == 0 && !k.IsZero() {
			return k, nil
		}
	}
}

// decodePoint returns the point that the encoding stands for, the one of the two
// whose y is even. Every 64 bytes stand for some point.
func decodePoint(ell *[ellSize]byte) (*btcec.PublicKey, error) {
	var u, t btcec.FieldVal
	u.SetByteSlice(ell[:32])
	t.SetByteSlice(ell[32:])
	x, err := ellswift.XSwiftEC(u.Normalize(), t.Normalize())
	if err != nil {
		return nil, err
	}
	return schnorr.ParsePubKey(x.Bytes()[:])
}

// ecdhTag is SHA256("bip324_ellswift_xonly_ecdh").
var ecdhTag = sha256.Sum256([]byte("bip324_ellswift_xonly_ecdh"))

// ecdh returns the secret that k shares with the owner of theirs: v2_ecdh of
// BIP324. The encoding of the initiator, the side that opened the connection, is
// hashed first.
func (k *keyPair) ecdh(theirs *[ellSize]byte, initiator bool) (secret [32]byte, err error) {
	point, err := decodePoint(theirs)
	if err != nil {
		return secret, err
	}
	var p, shared btcec.JacobianPoint
	point.AsJacobian(&p)
	if err := k.multiply(&p, &shared); err != nil {
		return secret, err
	}
	shared.ToAffine()
	x := shared.X.Bytes()

	first, second := &k.pub, theirs
	if !initiator {
		first, second = second, first
	}
	h := sha256.New()
	h.Write(ecdhTag[:])
	h.Write(ecdhTag[:])
	h.Write(first[:])
	h.Write(second[:])
	h.Write(x[:])
	h.Sum(secret[:0])
	clear(x[:])
	shared = btcec.JacobianPoint{}
	return secret, nil
}

// multiply sets result to k·p. A key that is reused is split into two numbers
// that are new each time: k·p = r·p + (k-r)·p.
func (k *keyPair) multiply(p, result *btcec.JacobianPoint) error {
	if !k.reused {
		btcec.ScalarMultNonConst(&k.priv.Key, p, result)
		return nil
	}
	r, err := randomScalar()
	if err != nil {
		return err
	}
	var rest btcec.ModNScalar
	rest.NegateVal(r).Add(&k.priv.Key)
	var a, b btcec.JacobianPoint
	btcec.ScalarMultNonConst(r, p, &a)
	btcec.ScalarMultNonConst(&rest, p, &b)
	btcec.AddNonConst(&a, &b, result)
	r.Zero()
	rest.Zero()
	a, b = btcec.JacobianPoint{}, btcec.JacobianPoint{}
	return nil
}
