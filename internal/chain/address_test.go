package chain

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// validAddresses are those of BIP350, of Bitcoin Core's key_io_valid.json, and
// btcd's simnet.
var validAddresses = []struct {
	net     *Network
	address string
	script  string
}{
	{Mainnet, "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"},
	{Testnet, "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262"},
	{Mainnet, "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y", "5128751e76e8199196d454941c45d1b3a323f1433bd6751e76e8199196d454941c45d1b3a323f1433bd6"},
	{Mainnet, "BC1SW50QGDZ25J", "6002751e"},
	{Mainnet, "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "5210751e76e8199196d454941c45d1b3a323"},
	{Testnet, "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy", "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433"},
	{Testnet, "tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c", "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433"},
	{Mainnet, "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"},

	{Mainnet, "1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", "76a914a31c06bd463e3923bc1aadbde48b16976c08071788ac"},
	{Mainnet, "36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm", "a914373b819a068f32b7a6b38b6b38729647cfde01c287"},
	{Testnet4, "mzK2FFDEhxqHcmrJw1ysqFkVyhUULo45hZ", "76a914ce28b26c57472737f5c3561a1761185bd8589a4388ac"},
	{Testnet4, "2NC2hEhe28ULKAJkW5MjZ3jtTMJdvXmByvK", "a914ce0bba75891ff9ec60148d4bd4a09ee2dc5c933187"},
	{Signet, "mww4LvqtTMKvmeQvizPz2EQv26xTneWrbg", "76a914b4110ba93ac54afc14da3bdd19614774a2d55d2988ac"},
	{Signet, "2N1r7aC69VHeE7yQJPDLi9T1PYq4wnwvjuT", "a9145e5a35ab44b3efaea5129ba22b88ba3e2976614587"},
	{Signet, "tb1q3vya2h5435jkugq2few7dmktlrwq4ejmfaw7kr", "00148b09d55e958d256e200a4e5de6eecbf8dc0ae65b"},
	{Regtest, "n4fajahJrAuKbN7uNsKjLjQkz9Qn5ewJXQ", "76a914fdeca3b08e38af53d7c4c60e3ad208ce5066441088ac"},
	{Regtest, "2MxFajLApXpYk4VodBSZSt7rw8y4ryABkfA", "a91436e9f191e0b75036a77f65e2eaa4752443233fbe87"},
	{Regtest, "bcrt1qdavt4j2sd7dlhqsavtnfxvzppw6k7qy97tmnu9", "00146f58bac9506f9bfb821d62e69330410bb56f0085"},
	{Regtest, "bcrt1qan8gntac7z7me2ejt4hpru42ad2f759fmy0m3ejvs98656znv7eqga4uhv", "0020ecce89afb8f0bdbcab325d6e11f2aaeb549f50a9d91fb8e64c814faa685367b2"},
	{Regtest, "bcrt1pfwxjqvtt4tcxrtdluukfmy2dv7xd2qzdfy6kajv5nwn4yam3wxkq3553uh", "51204b8d20316baaf061adbfe72c9d914d678cd5004d49356ec9949ba752777171ac"},
	{Regtest, "bcrt1sx6p8njlx7h9mc2agz4yg82dzne23050ncq72cneeecez2pst8mahn8xecsf8g6hzx94420", "6028368279cbe6f5cbbc2ba8154883a9a29e5517d1f3c03cac4f39ce3225060b3efb799cd9c412746ae2"},

	// The genesis block's key as an address: leading zeros.
	{Mainnet, "1111111111111111111114oLvT2", "76a914000000000000000000000000000000000000000088ac"},
	{Mainnet, "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "76a91462e907b15cbf27d5425399ebf6f0fb50ebb88f1888ac"},
}

func TestScriptValid(t *testing.T) {
	for _, tt := range validAddresses {
		got, err := Script(tt.address, tt.net)
		if err != nil {
			t.Errorf("Script(%s, %v): %v", tt.address, tt.net, err)
			continue
		}
		if hex.EncodeToString(got) != tt.script {
			t.Errorf("Script(%s, %v) = %x, want %s", tt.address, tt.net, got, tt.script)
		}
		want := tt.address
		if _, ok := bech32Prefix(want); ok {
			want = strings.ToLower(want)
		}
		if back := Address(got, tt.net); back != want {
			t.Errorf("Address(%x, %v) = %q, want %q", got, tt.net, back, want)
		}
	}
}

func TestSimnetAddress(t *testing.T) {
	const address = "SWqEjLr7EmUXPoWfDxcUGRWfcuztmsrDPc"
	script, err := Script(address, Simnet)
	if err != nil {
		t.Fatal(err)
	}
	if len(script) != 25 || script[0] != 0x76 || Address(script, Simnet) != address {
		t.Errorf("Script(%s) = %x, back to %s", address, script, Address(script, Simnet))
	}
	program, _ := hex.DecodeString("0014751e76e8199196d454941c45d1b3a323f1433bd6")
	segwit := Address(program, Simnet)
	if !strings.HasPrefix(segwit, "sb1q") {
		t.Errorf("segwit address on simnet is %s", segwit)
	}
	if back, err := Script(segwit, Simnet); err != nil || string(back) != string(program) {
		t.Errorf("Script(%s) = %x, %v", segwit, back, err)
	}
}

func TestScriptInvalid(t *testing.T) {
	tests := []struct{ address, want string }{
		{"", "empty"},
		// BIP350
		{"tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut", "no Bitcoin network"},
		{"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", "bech32m"},
		{"BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL", "bech32m"},
		{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", "bech32"},
		{"bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4", "character 60"},
		{"BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R", "witness version 17"},
		{"bc1pw5dgrnzv", "program of 1 bytes"},
		{"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav", "program of 41 bytes"},
		{"BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", "version 0 has 20 or 32"},
		{"bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf", "left over"},
		{"bc1gmk9yu", "no data"},
		// BIP173
		{"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "checksum"},
		{"bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du", "left over"},
		// base58
		{"1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mp", "checksum"},
		{"1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN20o", "character 33"},
		{"1111", "too short"},
		{"L5nJeqKmpHp4P7F8ZYyjwc5a7P4d8EabuGAzfGJk7yC1BJyzNaEd", "33 bytes"}, // a private key
		{strings.Repeat("z", 100_000), "at most 90"},
		{"bc1" + strings.Repeat("q", 100_000), "at most 90"},
		{"\x00", "character 1"},
	}
	for _, tt := range tests {
		script, err := Script(tt.address, Mainnet)
		if err == nil {
			t.Errorf("Script(%q) = %x, want an error", tt.address, script)
		} else if !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Script(%.90q): %v, want %q in it", tt.address, err, tt.want)
		} else if len(err.Error()) > 500 {
			t.Errorf("Script(%.90q): the error has %d bytes", tt.address, len(err.Error()))
		}
	}
	testnet := []struct{ address, want string }{
		{"tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf", "bech32m"},
		{"tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47", "bech32"},
		{"tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq", "mixed"},
		{"tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j", "left over"},
	}
	for _, tt := range testnet {
		if script, err := Script(tt.address, Testnet); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Script(%q) = %x, %v, want %q", tt.address, script, err, tt.want)
		}
	}
}

func TestScriptNamesTheNetwork(t *testing.T) {
	const shared = "testnet, testnet4, signet or regtest"
	tests := []struct {
		address string
		net     *Network
		want    string
	}{
		{"1FsSia9rv4NeEwvJ2GvXrX7LyxYspbN2mo", Regtest, "belongs to mainnet, but this is regtest"},
		{"36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm", Simnet, "belongs to mainnet, but this is simnet"},
		{"mzK2FFDEhxqHcmrJw1ysqFkVyhUULo45hZ", Mainnet, "belongs to " + shared + ", but this is mainnet"},
		{"tb1q3vya2h5435jkugq2few7dmktlrwq4ejmfaw7kr", Regtest, "belongs to testnet, testnet4 or signet, but this is regtest"},
		{"bcrt1qdavt4j2sd7dlhqsavtnfxvzppw6k7qy97tmnu9", Signet, "belongs to regtest, but this is signet"},
		{"SWqEjLr7EmUXPoWfDxcUGRWfcuztmsrDPc", Mainnet, "belongs to simnet, but this is mainnet"},
		{"BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", Simnet, "belongs to mainnet, but this is simnet"},
		{"LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1", Mainnet, "no Bitcoin network"}, // litecoin
	}
	for _, tt := range tests {
		script, err := Script(tt.address, tt.net)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.address) {
			t.Errorf("Script(%s, %v) = %x, %v, want %q", tt.address, tt.net, script, err, tt.want)
		}
	}
}

// TestBech32 holds the strings of BIP173 and BIP350 that are no addresses.
func TestBech32(t *testing.T) {
	valid := map[string]uint32{
		"A12UEL5L": bech32Const,
		"a12uel5l": bech32Const,
		"an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs": bech32Const,
		"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw":                                              bech32Const,
		"11qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqc8247j": bech32Const,
		"split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w":                               bech32Const,
		"?1ezyfcl": bech32Const,
		"A1LQFN3A": bech32mConst,
		"a1lqfn3a": bech32mConst,
		"an83characterlonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11sg7hg6": bech32mConst,
		"abcdef1l7aum6echk45nj3s0wdvt2fg8x9yrzpqzd3ryx":                                              bech32mConst,
		"11llllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllludsr8": bech32mConst,
		"split1checkupstagehandshakeupstreamerranterredcaperredlc445v":                               bech32mConst,
		"?1v759aa": bech32mConst,
	}
	for s, want := range valid {
		hrp, data, constant, err := decodeBech32(s)
		if err != nil || constant != want {
			t.Errorf("decodeBech32(%q) has the constant %x, %v, want %x", s, constant, err, want)
			continue
		}
		if back := encodeBech32(hrp, data, constant); back != strings.ToLower(s) {
			t.Errorf("encodeBech32 of %q = %q", s, back)
		}
	}
	invalid := []string{
		"\x201nwldj5", "\x7f1axkwrx", "\x801eym55h", "pzry9x0s0muk", "1pzry9x0s0muk", "x1b4n0q5v", "li1dgmt3",
		"an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569pvx",
		"de1lg7wt\xff", "A1G7SGD8", "10a06t8", "1qzzfhee", "a12UEL5L",
		"\x201xj0phk", "\x7f1g6xzxy", "\x801vctc34", "qyrz8wqd2c9m", "1qyrz8wqd2c9m", "y1b0jsk6g", "lt1igcx5c0",
		"an84characterslonghumanreadablepartthatcontainsthetheexcludedcharactersbioandnumber11d6pts4",
		"in1muywd", "mm1crxm3i", "au1s5cgom", "M1VUXWEZ", "16plkw9", "1p2gdwpf",
	}
	for _, s := range invalid {
		if hrp, data, _, err := decodeBech32(s); err == nil {
			t.Errorf("decodeBech32(%q) = %q, %x, want an error", s, hrp, data)
		}
	}
}

func TestAddressOfOtherScripts(t *testing.T) {
	for _, s := range []string{
		"", "00", "6a", "6a24aa21a9ed", "0014", "0002abcd", "5101ab", "4f02abcd", "6102abcd",
		"00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c63296049032",
		"76a914a31c06bd463e3923bc1aadbde48b16976c08071788ad",
		"512951" + strings.Repeat("00", 40),
	} {
		script, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := Address(script, Mainnet); got != "" {
			t.Errorf("Address(%s) = %q, want none", s, got)
		}
	}
}

func FuzzScript(f *testing.F) {
	for _, tt := range validAddresses {
		f.Add(tt.address)
	}
	f.Add("bc1gmk9yu")
	f.Add("SWqEjLr7EmUXPoWfDxcUGRWfcuztmsrDPc")
	f.Fuzz(func(t *testing.T, address string) {
		for _, n := range networks {
			script, err := Script(address, n)
			if err != nil {
				continue
			}
			back := Address(script, n)
			if back != address && back != strings.ToLower(address) {
				t.Errorf("%v: %q is %x is %q", n, address, script, back)
			}
		}
	})
}

func TestNetworks(t *testing.T) {
	for address, want := range map[string]string{
		"BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4":   "[mainnet]",
		"36j4NfKv6Akva9amjWrLG6MuSQym1GuEmm":           "[mainnet]",
		"tb1q3vya2h5435jkugq2few7dmktlrwq4ejmfaw7kr":   "[testnet testnet4 signet]",
		"mzK2FFDEhxqHcmrJw1ysqFkVyhUULo45hZ":           "[testnet testnet4 signet regtest]",
		"bcrt1qdavt4j2sd7dlhqsavtnfxvzppw6k7qy97tmnu9": "[regtest]",
		"bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5":   "checksum",
		"alice": "",
	} {
		owners, err := Networks(address)
		got := fmt.Sprint(owners)
		if err != nil {
			got = err.Error()
		}
		if (err != nil) != !strings.HasPrefix(want, "[") || !strings.Contains(got, want) {
			t.Errorf("Networks(%s) = %s, want %s", address, got, want)
		}
	}
}
