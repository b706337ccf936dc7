package e2e

import (
	"strings"
	"testing"
)

// TestMessages has everything go wrong that a user of a node can get wrong: each
// is said in words, with what to do, and never with the password. A miner goes on
// trying, as nodes come back; a pool that can't ever serve ends.
func TestMessages(t *testing.T) {
	n := startBtcd(t, someAddress)
	down := "http://u:secret@" + freePort(t)
	wrong := "http://u:secret@" + n.addr
	none := "http://" + n.addr
	const foreign = "bc1qx9t2l3pyny2spqpqlye8svce70nppwtaxwdrp4" // of mainnet
	const typo = "SWqEjLr7EmUXPoWfDxcUGRWfcuztmsrDPd"
	mine := func(url, address string) []string {
		return []string{"mine", "--no-tui", "-o", url, "--coinbase-address", address, "--until", "time=1500ms"}
	}
	pool := func(url, address string) []string {
		return []string{"pool", "--listen", "127.0.0.1:0", "--node", url, "--coinbase-address", address}
	}
	for _, tt := range []struct {
		name string
		args []string
		code int      // -1: any but 0
		want []string // parts of what it says
	}{
		{"mine, node down", mine(down, someAddress), 0, []string{down[len("http://u:secret@"):], "connection refused", "start the node"}},
		{"mine, wrong password", mine(wrong, someAddress), 0, []string{n.addr, "401", "rpcpassword"}},
		{"mine, no password", mine(none, someAddress), 0, []string{n.addr, "401", "user and password"}},
		{"mine, address of another network", mine(n.url(), foreign), 0, []string{foreign, "mainnet", "simnet"}},
		{"mine, address with a typo", mine(n.url(), typo), 2, []string{typo, "checksum"}},
		{"pool, wrong password", pool(wrong, someAddress), 1, []string{n.addr, "401", "rpcpassword"}},
		{"pool, no password", pool(none, someAddress), 1, []string{n.addr, "401", "user and password"}},
		{"pool, address of another network", pool(n.url(), foreign), 1, []string{foreign, "mainnet", "simnet"}},
		{"pool, address with a typo", pool(n.url(), typo), -1, []string{typo, "checksum"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := gominer(t, tt.args...)
			if r.code != tt.code && (tt.code >= 0 || r.code == 0) {
				t.Errorf("exit code %d, want %d", r.code, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("%q is not in what it says", want)
				}
			}
			if strings.Contains(r.stderr+r.stdout, "secret") {
				t.Error("it prints the password")
			}
			if t.Failed() || testing.Verbose() {
				t.Logf("exit code %d\n%s%s", r.code, r.stderr, r.stdout)
			}
		})
	}
	if h := n.height(t); h != 0 {
		t.Errorf("height %d: something was mined", h)
	}
}
