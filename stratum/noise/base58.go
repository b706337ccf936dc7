package noise

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

const base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// maxBase58 is more than any key needs: 38 bytes have 52 characters, and no more
// than that many ones before them.
const maxBase58 = 100

var radix58 = big.NewInt(58)

// decodeBase58Check returns what stands before the checksum of s: the first four
// bytes of its double SHA-256.
func decodeBase58Check(s string) ([]byte, error) {
	if len(s) > maxBase58 {
		return nil, fmt.Errorf("it has %d characters, a key has about 50", len(s))
	}
	n := new(big.Int)
	for i := range len(s) {
		v := strings.IndexByte(base58Alphabet, s[i])
		if v < 0 {
			return nil, fmt.Errorf("character %d is none of base58 (no 0, O, I or l)", i+1)
		}
		n.Mul(n, radix58).Add(n, big.NewInt(int64(v)))
	}
	zeros := len(s) - len(strings.TrimLeft(s, "1"))
	b := append(make([]byte, zeros), n.Bytes()...)
	if len(b) < 4 {
		return nil, errors.New("it is too short")
	}
	body, sum := b[:len(b)-4], b[len(b)-4:]
	if checksum(body) != [4]byte(sum) {
		return nil, errors.New("its checksum is wrong: a character is mistyped or missing")
	}
	return body, nil
}

func encodeBase58Check(body []byte) string {
	sum := checksum(body)
	b := slices.Concat(body, sum[:])
	var digits []byte // least significant first
	for n, m := new(big.Int).SetBytes(b), new(big.Int); n.Sign() > 0; {
		n.DivMod(n, radix58, m)
		digits = append(digits, base58Alphabet[m.Int64()])
	}
	for _, v := range b {
		if v != 0 {
			break
		}
		digits = append(digits, base58Alphabet[0])
	}
	slices.Reverse(digits)
	return string(digits)
}

func checksum(body []byte) [4]byte {
	first := sha256.Sum256(body)
	second := sha256.Sum256(first[:])
	return [4]byte(second[:])
}
