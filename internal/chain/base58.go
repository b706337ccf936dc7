package chain

import (
	"errors"
	"fmt"
	"math/big"
	"strings"

	"gominer/hasher"
)

const base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

var radix58 = big.NewInt(58)

// decodeBase58Check reads a version byte and a payload behind a checksum of four
// bytes.
func decodeBase58Check(s string) (version byte, payload []byte, err error) {
	if len(s) > 90 { // an address has 35 at most; the decoding is quadratic
		return 0, nil, fmt.Errorf("%d characters, an address has at most 90", len(s))
	}
	n := new(big.Int)
	for i := range len(s) {
		v := strings.IndexByte(base58Alphabet, s[i])
		if v < 0 {
			return 0, nil, fmt.Errorf("character %d is not one that addresses use", i+1)
		}
		n.Mul(n, radix58).Add(n, big.NewInt(int64(v)))
	}
	zeros := len(s) - len(strings.TrimLeft(s, "1"))
	b := append(make([]byte, zeros), n.Bytes()...)
	if len(b) < 5 {
		return 0, nil, errors.New("it is too short")
	}
	body, sum := b[:len(b)-4], b[len(b)-4:]
	if want := hasher.DoubleSum(body); string(want[:4]) != string(sum) {
		return 0, nil, errChecksum
	}
	return body[0], body[1:], nil
}

func encodeBase58Check(version byte, payload []byte) string {
	b := append([]byte{version}, payload...)
	sum := hasher.DoubleSum(b)
	b = append(b, sum[:4]...)
	var digits []byte // least significant first
	for n, m := new(big.Int).SetBytes(b), new(big.Int); n.Sign() > 0; {
		n.DivMod(n, radix58, m)
		digits = append(digits, base58Alphabet[m.Int64()])
	}
	for _, v := range b {
		if v != 0 {
			break
		}
		digits = append(digits, '1')
	}
	for i, j := 0, len(digits)-1; i < j; i, j = i+1, j-1 {
		digits[i], digits[j] = digits[j], digits[i]
	}
	return string(digits)
}
