package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"gominer/hasher"
	"gominer/internal/chain"
	"gominer/miner"
)

// placeholder stands in examples for the address of whoever follows them.
const placeholder = "ADDRESS"

// checkPlaceholder finds an example that was copied as it is.
func (u *upstream) checkPlaceholder() error {
	for _, flag := range []string{"user", "coinbase-address"} {
		s := u.said[flag]
		if s.value == placeholder || strings.HasPrefix(s.value, placeholder+".") {
			return usagef("%s %q: %s stands for a Bitcoin address of your own, put that in its place",
				s.from.named(flag), s.value, placeholder)
		}
	}
	return nil
}

// payee returns the Bitcoin address that a pool's user begins with, "" if it looks
// like none.
func payee(user string) string {
	address, _, _ := strings.Cut(user, ".")
	address, _, _ = strings.Cut(address, "+")
	lower := strings.ToLower(address)
	for _, prefix := range []string{"bc1", "tb1", "bcrt1", "sb1"} {
		if strings.HasPrefix(lower, prefix) && len(address) >= 26 {
			return address
		}
	}
	base58 := len(address) >= 26 && len(address) <= 35 && strings.ContainsRune("13mn2", rune(address[0]))
	if base58 && strings.Trim(address, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz") == "" {
		return address
	}
	return ""
}

// doubts says what seems to be wrong with a pool's user, "" if nothing is.
// Nobody but the pool can know: it may be the name of an account.
func doubts(user string) string {
	address := payee(user)
	if address == "" {
		return ""
	}
	if _, err := chain.Networks(address); err != nil {
		return fmt.Sprintf("the user looks like a Bitcoin address with a slip in it: %v", err)
	}
	return ""
}

// leastMainnet is a difficulty that of all networks mainnet alone has: signet and
// the testnets have stayed far below.
const leastMainnet = 1e12

// foreignPayee says if a user is an address that can't be paid by the chain of
// which a job with these bits is, "" if it can or nobody knows.
func foreignPayee(user string, bits hasher.Bits) string {
	address := payee(user)
	target, err := bits.Target()
	if address == "" || err != nil || target.Difficulty() < leastMainnet {
		return ""
	}
	owners, err := chain.Networks(address)
	if err != nil || owners[0] == chain.Mainnet {
		return ""
	}
	return fmt.Sprintf("the user is an address of %v, and the pool mines on mainnet: it may pay you nothing", owners[0])
}

// payeesEvery is how often watchPayees looks at the job.
const payeesEvery = 5 * time.Second

// watchPayees warns, once for each source, if its jobs can't pay the user. It
// ends when stop is called.
func (d *display) watchPayees(ctx context.Context, snapshot func() miner.Snapshot) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(payeesEvery)
		defer t.Stop()
		seen := make(map[string]bool)
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			s := snapshot()
			for _, source := range s.Sources {
				if s.Job == nil || s.Job.Source != source.Name || seen[source.Name] {
					continue
				}
				seen[source.Name] = true
				if doubt := foreignPayee(source.Status.User, s.Job.Job.Bits); doubt != "" {
					d.log.Warn(doubt, "source", source.Name, "user", source.Status.User)
				}
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}
