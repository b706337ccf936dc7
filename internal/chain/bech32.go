package chain

import (
	"errors"
	"fmt"
	"strings"
)

const bech32Charset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

// The checksum's constants: bech32 (BIP173) for witness version 0, bech32m
// (BIP350) for the later ones.
const (
	bech32Const  = 1
	bech32mConst = 0x2bc830a3
)

const checksumLen = 6 // characters of 5 bits

// decodeBech32 takes a bech32 or bech32m string apart: its prefix in lower case,
// its data in 5-bit groups without the checksum, and the checksum's constant.
func decodeBech32(s string) (hrp string, data []byte, constant uint32, err error) {
	if len(s) > 90 {
		return "", nil, 0, fmt.Errorf("%d characters, at most 90 are allowed", len(s))
	}
	lower := strings.ToLower(s)
	if s != lower && s != strings.ToUpper(s) {
		return "", nil, 0, errors.New("upper and lower case are mixed")
	}
	sep := strings.LastIndexByte(lower, '1')
	if sep < 1 {
		return "", nil, 0, errors.New("no prefix")
	}
	if len(lower)-sep-1 < checksumLen {
		return "", nil, 0, errors.New("it is too short")
	}
	hrp = lower[:sep]
	for i := range len(hrp) {
		if hrp[i] < 33 || hrp[i] > 126 {
			return "", nil, 0, fmt.Errorf("character %d of the prefix is not printable ASCII", i+1)
		}
	}
	for i := sep + 1; i < len(lower); i++ {
		v := strings.IndexByte(bech32Charset, lower[i])
		if v < 0 {
			return "", nil, 0, fmt.Errorf("character %d is not one that addresses of this kind use", i+1)
		}
		data = append(data, byte(v))
	}
	constant = polymod(append(expandPrefix(hrp), data...))
	if constant != bech32Const && constant != bech32mConst {
		return "", nil, 0, errChecksum
	}
	return hrp, data[:len(data)-checksumLen], constant, nil
}

var errChecksum = errors.New("its checksum does not match: it is mistyped or cut")

func encodeBech32(hrp string, data []byte, constant uint32) string {
	values := append(expandPrefix(hrp), data...)
	sum := polymod(append(values, make([]byte, checksumLen)...)) ^ constant
	out := append([]byte(hrp), '1')
	for _, v := range data {
		out = append(out, bech32Charset[v])
	}
	for i := range checksumLen {
		out = append(out, bech32Charset[sum>>(5*(checksumLen-1-i))&31])
	}
	return string(out)
}

func expandPrefix(hrp string) []byte {
	v := make([]byte, 0, 2*len(hrp)+1+90)
	for i := range len(hrp) {
		v = append(v, hrp[i]>>5)
	}
	v = append(v, 0)
	for i := range len(hrp) {
		v = append(v, hrp[i]&31)
	}
	return v
}

// polymod is the checksum's BCH code (BIP173).
func polymod(values []byte) uint32 {
	generator := [5]uint32{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3}
	c := uint32(1)
	for _, v := range values {
		top := c >> 25
		c = c&0x1ffffff<<5 ^ uint32(v)
		for i, g := range generator {
			if top>>i&1 == 1 {
				c ^= g
			}
		}
	}
	return c
}

// decodeSegwit reads a segwit address of any prefix (BIP173, BIP350).
func decodeSegwit(s string) (version byte, program []byte, err error) {
	_, data, constant, err := decodeBech32(s)
	if err != nil {
		return 0, nil, err
	}
	if len(data) == 0 {
		return 0, nil, errors.New("it holds no data")
	}
	version = data[0]
	program, err = to8(data[1:])
	switch {
	case version > 16:
		return 0, nil, fmt.Errorf("witness version %d, at most 16 is defined", version)
	case err != nil:
		return 0, nil, err
	case len(program) < 2 || len(program) > 40:
		return 0, nil, fmt.Errorf("witness program of %d bytes, 2 to 40 are allowed", len(program))
	case version == 0 && len(program) != 20 && len(program) != 32:
		return 0, nil, fmt.Errorf("witness program of %d bytes, version 0 has 20 or 32", len(program))
	case version == 0 && constant != bech32Const:
		return 0, nil, errors.New("its checksum is bech32m's, version 0 has bech32's")
	case version > 0 && constant != bech32mConst:
		return 0, nil, fmt.Errorf("its checksum is bech32's, version %d has bech32m's", version)
	}
	return version, program, nil
}

func encodeSegwit(hrp string, version byte, program []byte) string {
	constant := uint32(bech32mConst)
	if version == 0 {
		constant = bech32Const
	}
	return encodeBech32(hrp, append([]byte{version}, to5(program)...), constant)
}

// to8 joins 5-bit groups to bytes; what is left must be less than a group, and
// zero.
func to8(groups []byte) ([]byte, error) {
	var out []byte
	acc, bits := uint32(0), 0
	for _, g := range groups {
		acc, bits = acc<<5|uint32(g), bits+5
		if bits >= 8 {
			bits -= 8
			out = append(out, byte(acc>>bits))
			acc &= 1<<bits - 1
		}
	}
	if bits >= 5 || acc != 0 {
		return nil, errors.New("bits left over at its end")
	}
	return out, nil
}

// to5 cuts bytes into 5-bit groups, the last one filled with zeros.
func to5(b []byte) []byte {
	var out []byte
	acc, bits := uint32(0), 0
	for _, v := range b {
		acc, bits = acc<<8|uint32(v), bits+8
		for bits >= 5 {
			bits -= 5
			out = append(out, byte(acc>>bits)&31)
		}
		acc &= 1<<bits - 1
	}
	if bits > 0 {
		out = append(out, byte(acc<<(5-bits))&31)
	}
	return out
}
