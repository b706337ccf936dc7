package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gominer/hasher"
	"gominer/miner"
	"gominer/miner/minertest"
)

const (
	mainnetAddress = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
	testnetAddress = "tb1q3vya2h5435jkugq2few7dmktlrwq4ejmfaw7kr"
)

func TestPayee(t *testing.T) {
	for user, want := range map[string]string{
		mainnetAddress + ".rig1":                  mainnetAddress,
		mainnetAddress + "+500":                   mainnetAddress,
		strings.ToUpper(testnetAddress):           strings.ToUpper(testnetAddress),
		"1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa":      "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
		"2NC2hEhe28ULKAJkW5MjZ3jtTMJdvXmByvK.rig": "2NC2hEhe28ULKAJkW5MjZ3jtTMJdvXmByvK",
		"alice": "", "alice.rig": "", "bc1": "", "": "", "1": "",
		"12345678901234567890123456":     "", // a number has a 0
		"my-very-long-account-name-here": "",
	} {
		if got := payee(user); got != want {
			t.Errorf("payee(%q) = %q, want %q", user, got, want)
		}
	}
}

func TestDoubts(t *testing.T) {
	for user, want := range map[string]string{
		mainnetAddress + ".rig": "", testnetAddress: "", "alice": "",
		mainnetAddress[:20] + "x" + mainnetAddress[21:]: "slip in it",
		mainnetAddress[:41]:                             "slip in it",
	} {
		if got := doubts(user); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("doubts(%q) = %q, want %q", user, got, want)
		}
	}
}

func TestForeignPayee(t *testing.T) {
	const mainnetBits, easyBits = hasher.Bits(0x17034219), hasher.Bits(0x1d00ffff)
	for _, test := range []struct {
		user string
		bits hasher.Bits
		want bool
	}{
		{mainnetAddress, mainnetBits, false}, {testnetAddress, mainnetBits, true}, {testnetAddress + ".rig", mainnetBits, true},
		{testnetAddress, easyBits, false}, {"alice", mainnetBits, false}, {testnetAddress, 0, false},
		{"mzK2FFDEhxqHcmrJw1ysqFkVyhUULo45hZ", mainnetBits, true},
	} {
		if got := foreignPayee(test.user, test.bits); (got != "") != test.want {
			t.Errorf("foreignPayee(%q, %v) = %q", test.user, test.bits, got)
		}
	}
}

// TestForeignPayeesAreSaidOnce mines for an address that the pool can't pay.
func TestForeignPayeesAreSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		time.AfterFunc(time.Minute, func() { cancel(errors.New("enough")) })
		cfg := simulated()
		cfg.Source = &minertest.Source{Label: "pool:1", Script: func(ctx context.Context, s *miner.Session) error {
			s.Status(miner.SourceStatus{State: miner.Up, URL: "stratum+tcp://pool:1", User: testnetAddress})
			j := *minertest.Job(1)
			j.Bits = 0x17034219
			s.Publish(&j)
			minertest.AcceptAll(ctx, s)
			return ctx.Err()
		}}
		_ = f.show(&output{log: logOptions{format: logText}}, cancel).mine(ctx, cfg)
		if n := strings.Count(f.err.String(), "WARN  the user is an address of testnet, and the pool mines on mainnet"); n != 1 {
			t.Errorf("said %d times, want once:\n%s", n, f.err.String())
		}
	})
}
