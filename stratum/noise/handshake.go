package noise

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/btcsuite/btcd/btcec/v2/schnorr"
	"golang.org/x/crypto/chacha20poly1305"
)

// protocolName stands for every choice made here; its hash begins the
// transcript. The prologue is empty.
const protocolName = "Noise_NX_Secp256k1+EllSwift_ChaChaPoly_SHA256"

// tagSize is what sealing adds to a message.
const tagSize = chacha20poly1305.Overhead

// The two messages of the pattern NX. Neither has a length in front.
//
//	-> e
//	<- e, ee, s, es, certificate
type (
	act1 [ellSize]byte

	// The prose of §4.5.2 says 170 bytes, from when keys had 32.
	act2 [ellSize + (ellSize + tagSize) + (certificateSize + tagSize)]byte // 64 + 80 + 90
)

func (m *act2) ephemeral() *[ellSize]byte { return (*[ellSize]byte)(m[:]) }
func (m *act2) static() []byte            { return m[ellSize:][:ellSize+tagSize] }
func (m *act2) certificate() []byte       { return m[ellSize+ellSize+tagSize:] }

var (
	errTag       = errors.New("a message does not carry the mark of its sender: it was changed on the way, or is none of this protocol")
	errExhausted = errors.New("the key of this connection is used up: connect anew")
)

// cipherState is the CipherState of §4.4.1: a key and the number of messages
// that it has sealed or opened.
type cipherState struct {
	aead  cipher.AEAD // nil before there is a key, and after wipe
	n     uint64
	nonce [chacha20poly1305.NonceSize]byte // 4 zeros, n little-endian
}

// setKey starts over with a key, which it overwrites.
func (c *cipherState) setKey(key *[32]byte) error {
	aead, err := chacha20poly1305.New(key[:])
	clear(key[:])
	c.aead, c.n = aead, 0
	return err
}

// next returns the nonce of the next message. The last number is reserved by the
// Noise framework, so it never comes.
func (c *cipherState) next() ([]byte, error) {
	if c.n == math.MaxUint64 || c.aead == nil {
		return nil, errExhausted
	}
	binary.LittleEndian.PutUint64(c.nonce[4:], c.n)
	return c.nonce[:], nil
}

// seal adds the ciphertext of plain to dst.
func (c *cipherState) seal(dst, ad, plain []byte) ([]byte, error) {
	nonce, err := c.next()
	if err != nil {
		return dst, err
	}
	c.n++
	return c.aead.Seal(dst, nonce, plain, ad), nil
}

// open replaces box by its plaintext, which is tagSize shorter.
func (c *cipherState) open(ad, box []byte) ([]byte, error) {
	nonce, err := c.next()
	if err != nil {
		return nil, err
	}
	plain, err := c.aead.Open(box[:0], nonce, box, ad)
	if err != nil {
		return nil, errTag
	}
	c.n++
	return plain, nil
}

// symmetric is what both sides compute alike: the chaining key ck, the hash h of
// all that was sent, and a cipher for what comes next.
type symmetric struct {
	ck, h  [32]byte
	cipher cipherState
}

func (s *symmetric) init() {
	s.ck = sha256.Sum256([]byte(protocolName))
	s.h = s.ck
	s.mixHash(nil) // the prologue
}

func (s *symmetric) mixHash(data []byte) {
	h := sha256.New()
	h.Write(s.h[:])
	h.Write(data)
	h.Sum(s.h[:0])
}

// mixKey takes a shared secret in, and overwrites it.
func (s *symmetric) mixKey(secret *[32]byte) error {
	defer clear(secret[:])
	var key [32]byte
	if err := s.derive(secret[:], &s.ck, &key); err != nil {
		return err
	}
	return s.cipher.setKey(&key)
}

// derive is HKDF of §4.4.2 with two outputs.
func (s *symmetric) derive(secret []byte, out1, out2 *[32]byte) error {
	out, err := hkdf.Key(sha256.New, secret, s.ck[:], "", 64)
	if err != nil {
		return err
	}
	copy(out1[:], out)
	copy(out2[:], out[32:])
	clear(out)
	return nil
}

// sealAndHash puts the ciphertext of plain into box.
func (s *symmetric) sealAndHash(box, plain []byte) error {
	if _, err := s.cipher.seal(box[:0], s.h[:], plain); err != nil {
		return err
	}
	s.mixHash(box)
	return nil
}

// openAndHash returns the plaintext of box, in place.
func (s *symmetric) openAndHash(box []byte) ([]byte, error) {
	h := s.h
	s.mixHash(box) // before it is overwritten
	return s.cipher.open(h[:], box)
}

// split ends the handshake: one cipher for each direction.
func (s *symmetric) split() (fromInitiator, fromResponder cipherState, err error) {
	defer s.wipe()
	var k1, k2 [32]byte
	if err = s.derive(nil, &k1, &k2); err != nil {
		return
	}
	if err = fromInitiator.setKey(&k1); err != nil {
		return
	}
	err = fromResponder.setKey(&k2)
	return
}

func (s *symmetric) wipe() { *s = symmetric{} }

// initiator is the client's side.
type initiator struct {
	symmetric
	e *keyPair
}

func newInitiator(e *keyPair) *initiator {
	i := &initiator{e: e}
	i.init()
	return i
}

func (i *initiator) wipe() {
	i.e.wipe()
	i.symmetric.wipe()
}

// act1 returns the first message.
//
//	-> e
func (i *initiator) act1() act1 {
	i.mixHash(i.e.pub[:])
	i.mixHash(nil) // the payload, empty and without a key
	return i.e.pub
}

// readAct2 reads the answer, which it overwrites, and returns the server's
// certificate as it came: who signed it is for the caller to look at.
//
//	<- e, ee, s, es, certificate
func (i *initiator) readAct2(m *act2) (cert Certificate, err error) {
	re := m.ephemeral()
	i.mixHash(re[:])
	secret, err := i.e.ecdh(re, true)
	if err != nil {
		return cert, fmt.Errorf("the server's first key: %w", err)
	}
	if err := i.mixKey(&secret); err != nil {
		return cert, err
	}
	plain, err := i.openAndHash(m.static())
	if err != nil {
		return cert, err
	}
	rs := (*[ellSize]byte)(plain)
	if secret, err = i.e.ecdh(rs, true); err != nil {
		return cert, fmt.Errorf("the server's own key: %w", err)
	}
	if err := i.mixKey(&secret); err != nil {
		return cert, err
	}
	if plain, err = i.openAndHash(m.certificate()); err != nil {
		return cert, err
	}
	point, err := decodePoint(rs)
	if err != nil {
		return cert, fmt.Errorf("the server's own key: %w", err)
	}
	key := PublicKey(schnorr.SerializePubKey(point))
	return parseCertificate((*[certificateSize]byte)(plain), key), nil
}

// responder is the server's side.
type responder struct {
	symmetric
	e  *keyPair
	id *Identity
}

func newResponder(e *keyPair, id *Identity) *responder {
	r := &responder{e: e, id: id}
	r.init()
	return r
}

// wipe leaves the identity, which is not of this connection alone.
func (r *responder) wipe() {
	r.e.wipe()
	r.symmetric.wipe()
}

// act2 reads the first message and returns the second.
//
//	-> e
//	<- e, ee, s, es, certificate
func (r *responder) act2(first *act1) (m act2, err error) {
	re := (*[ellSize]byte)(first)
	r.mixHash(re[:])
	r.mixHash(nil) // the payload, empty and without a key

	*m.ephemeral() = r.e.pub
	r.mixHash(r.e.pub[:])
	secret, err := r.e.ecdh(re, false)
	if err != nil {
		return m, fmt.Errorf("the client's key: %w", err)
	}
	if err := r.mixKey(&secret); err != nil {
		return m, err
	}
	if err := r.sealAndHash(m.static(), r.id.static.pub[:]); err != nil {
		return m, err
	}
	if secret, err = r.id.static.ecdh(re, false); err != nil {
		return m, fmt.Errorf("the client's key: %w", err)
	}
	if err := r.mixKey(&secret); err != nil {
		return m, err
	}
	cert := r.id.cert.bytes()
	return m, r.sealAndHash(m.certificate(), cert[:])
}
