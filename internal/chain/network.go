package chain

import (
	"errors"
	"fmt"
	"strings"
)

// Network is a Bitcoin network, as far as addresses and the subsidy tell them
// apart.
type Network struct {
	Name       string
	hrp        string // bech32 prefix
	pubKeyHash byte   // version byte of P2PKH addresses
	scriptHash byte   // version byte of P2SH addresses
	halving    uint32 // blocks between halvings of the subsidy
}

// The networks. Testnet, Testnet4 and Signet share their addresses; Regtest
// shares the base58 ones with them.
var (
	Mainnet  = &Network{"mainnet", "bc", 0x00, 0x05, 210_000}
	Testnet  = &Network{"testnet", "tb", 0x6f, 0xc4, 210_000}
	Testnet4 = &Network{"testnet4", "tb", 0x6f, 0xc4, 210_000}
	Signet   = &Network{"signet", "tb", 0x6f, 0xc4, 210_000}
	Regtest  = &Network{"regtest", "bcrt", 0x6f, 0xc4, 150}
	Simnet   = &Network{"simnet", "sb", 0x3f, 0x7b, 210_000} // btcd's
)

var networks = []*Network{Mainnet, Testnet, Testnet4, Signet, Regtest, Simnet}

// NetworkNamed finds a network by its name, or by one that Bitcoin Core ("main",
// "test") or btcd ("testnet3") gives it.
func NetworkNamed(name string) (*Network, error) {
	switch name {
	case "main":
		return Mainnet, nil
	case "test", "testnet3":
		return Testnet, nil
	}
	var names []string
	for _, n := range networks {
		if n.Name == name {
			return n, nil
		}
		names = append(names, n.Name)
	}
	return nil, fmt.Errorf("unknown network %.40q, known are %s", name, strings.Join(names, ", "))
}

// String returns the name.
func (n *Network) String() string { return n.Name }

// Subsidy returns what a block at height may create, in satoshis, fees not
// counted.
func Subsidy(height uint32, n *Network) int64 {
	halvings := height / n.halving
	if halvings >= 64 {
		return 0
	}
	return int64(50*coin) >> halvings
}

// those names the networks for which ok holds: "testnet, signet or regtest".
func those(ok func(*Network) bool) string {
	var names []string
	for _, n := range networks {
		if ok(n) {
			names = append(names, n.Name)
		}
	}
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// Networks returns the networks that an address belongs to, and what is wrong
// with it if it is none's.
func Networks(address string) (owners []*Network, err error) {
	for _, n := range networks {
		_, e := Script(address, n)
		switch {
		case e == nil:
			owners = append(owners, n)
		case !errors.Is(e, ErrNetwork):
			err = e
		}
	}
	if len(owners) > 0 {
		return owners, nil
	}
	return nil, err
}
