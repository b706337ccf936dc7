package chain

import (
	"errors"
	"fmt"
	"strings"
)

// ErrNetwork is wrapped by the refusal of an address that belongs to another
// Bitcoin network.
var ErrNetwork = errors.New("wrong network")

// foreignError names the networks that an address belongs to.
type foreignError struct {
	owners string
	here   *Network
}

func (e *foreignError) Error() string {
	return fmt.Sprintf("it belongs to %s, but this is %s", e.owners, e.here)
}

func (e *foreignError) Unwrap() error { return ErrNetwork }

// Script returns the output script that pays to an address of the network:
// P2PKH, P2SH, P2WPKH, P2WSH, P2TR and every later witness version. An address
// of another network is refused with that network's name, and ErrNetwork.
func Script(address string, n *Network) ([]byte, error) {
	script, err := addressScript(address, n)
	if err != nil {
		return nil, fmt.Errorf("address %.100q: %w", address, err)
	}
	return script, nil
}

func addressScript(address string, n *Network) ([]byte, error) {
	if address == "" {
		return nil, errors.New("it is empty")
	}
	if hrp, ok := bech32Prefix(address); ok {
		return segwitScript(address, hrp, n)
	}
	version, payload, err := decodeBase58Check(address)
	if err != nil {
		return nil, err
	}
	if len(payload) != 20 {
		return nil, fmt.Errorf("it holds %d bytes, an address holds 20", len(payload))
	}
	switch version {
	case n.pubKeyHash:
		return pubKeyHashScript(payload), nil
	case n.scriptHash:
		return scriptHashScript(payload), nil
	}
	return nil, foreign(n, func(m *Network) bool { return version == m.pubKeyHash || version == m.scriptHash })
}

// bech32Prefix returns the human-readable part, in lower case, of an address in
// the form of bech32: a known prefix, or one that base58 cannot have (it would
// not decode there in any case).
func bech32Prefix(address string) (string, bool) {
	i := strings.LastIndexByte(address, '1')
	if i < 1 {
		return "", false
	}
	hrp := strings.ToLower(address[:i])
	for _, n := range networks {
		if n.hrp == hrp {
			return hrp, true
		}
	}
	_, _, _, err := decodeBech32(address)
	return hrp, err == nil
}

func segwitScript(address, hrp string, n *Network) ([]byte, error) {
	version, program, err := decodeSegwit(address)
	if err != nil {
		return nil, err
	}
	if hrp != n.hrp {
		return nil, foreign(n, func(m *Network) bool { return m.hrp == hrp })
	}
	return witnessScript(version, program), nil
}

// foreign says which networks an address belongs to, if not to n.
func foreign(n *Network, owns func(*Network) bool) error {
	owners := those(owns)
	if owners == "" {
		return errors.New("it belongs to no Bitcoin network")
	}
	return &foreignError{owners, n}
}

func pubKeyHashScript(hash []byte) []byte {
	s := append([]byte{0x76, 0xa9, 20}, hash...) // OP_DUP OP_HASH160 push
	return append(s, 0x88, 0xac)                 // OP_EQUALVERIFY OP_CHECKSIG
}

func scriptHashScript(hash []byte) []byte {
	s := append([]byte{0xa9, 20}, hash...) // OP_HASH160 push
	return append(s, 0x87)                 // OP_EQUAL
}

func witnessScript(version byte, program []byte) []byte {
	if version > 0 {
		version += op1 - 1
	}
	return append([]byte{version, byte(len(program))}, program...)
}

// Address returns the network's address of an output script, "" if the script
// is of none of the forms that Script knows.
func Address(script []byte, n *Network) string {
	switch {
	case len(script) == 25 && string(script) == string(pubKeyHashScript(script[3:23])):
		return encodeBase58Check(n.pubKeyHash, script[3:23])
	case len(script) == 23 && string(script) == string(scriptHashScript(script[2:22])):
		return encodeBase58Check(n.scriptHash, script[2:22])
	case len(script) < 4 || len(script) > 42 || int(script[1]) != len(script)-2:
		return ""
	case script[0] == 0 && (len(script) == 22 || len(script) == 34):
		return encodeSegwit(n.hrp, 0, script[2:])
	case script[0] >= op1 && script[0] <= op16:
		return encodeSegwit(n.hrp, script[0]-op1+1, script[2:])
	}
	return ""
}
