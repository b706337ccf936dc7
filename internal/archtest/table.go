package archtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Row says what the files of one package that are no tests may import besides
// the standard library. Tests may cross.
type Row struct {
	Ours  []string // packages of this module, by directory
	Third []string // modules of others, or packages in them; a path allows all below it
}

// anything in Row.Ours allows every package of this module.
const anything = "..."

// Table has a row for every package. What it keeps apart:
//
//   - hasher imports nothing of ours; kernels, codecs and chain only hasher;
//   - the engine, miner, knows no protocol, no device and no screen;
//   - a codec knows no engine, and neither does a server;
//   - nothing imports a command.
var Table = map[string]Row{
	"hasher":            {Third: []string{"github.com/minio/sha256-simd", "github.com/klauspost/cpuid/v2"}},
	"hasher/hashertest": {Ours: []string{"hasher"}},
	"hasher/cpu":        {Ours: []string{"hasher", "miner", "internal/cgroup"}, Third: []string{"golang.org/x/sys"}},

	"kernels":              {},
	"hasher/opencl":        {Ours: []string{"hasher", "miner", "kernels", "hasher/opencl/cl"}},
	"hasher/opencl/cl":     {Ours: []string{"internal/dl"}},
	"hasher/opencl/sensor": {Ours: []string{"miner", "internal/dl"}},

	"hasher/asic":         {Ours: []string{"hasher", "hasher/asic/frame", "internal/units", "miner"}},
	"hasher/asic/emulate": {Ours: []string{"hasher", "hasher/asic/frame"}, Third: []string{"github.com/creack/pty", "golang.org/x/sys"}},
	"hasher/asic/frame":   {Ours: []string{"hasher"}},
	"hasher/asic/usb":     {Third: []string{"go.bug.st/serial", "golang.org/x/sys"}},
	"hasher/asic/board":   {Ours: []string{"hasher/asic", "miner"}},

	"miner":           {Ours: []string{"hasher"}},
	"miner/minertest": {Ours: []string{"hasher", "miner"}},
	"miner/solo":      {Ours: []string{"hasher", "miner", "internal/chain", "internal/node"}},

	"stratum/noise":     {Third: []string{"github.com/btcsuite/btcd/btcec/v2", "golang.org/x/crypto/chacha20poly1305"}},
	"stratum/v1":        {Ours: []string{"hasher"}},
	"stratum/v2":        {Ours: []string{"hasher"}},
	"stratum/record":    {Ours: []string{"stratum/v1", "internal/journal", "internal/jsonline"}},
	"stratum/transport": {Third: []string{"github.com/coder/websocket", "golang.org/x/sys/unix"}},
	"stratum/replay":    {Ours: []string{"hasher", "stratum/record", "stratum/v1", "internal/chain", "internal/jsonline"}},
	"stratum":           {Ours: []string{"hasher", "miner", "internal/chain", "stratum/noise", "stratum/record", "stratum/transport", "stratum/v1", "stratum/v2"}, Third: []string{"golang.org/x/net/publicsuffix"}},
	"stratum/pool":      {Ours: []string{"hasher", "stratum/noise", "stratum/v1", "stratum/v2", "internal/chain", "internal/node"}},

	"stratum/pool/fault": {Ours: []string{"stratum/pool"}},

	"internal/gpureport":  {Ours: []string{"hasher", "hasher/opencl", "hasher/opencl/cl", "hasher/opencl/sensor", "miner"}},
	"internal/configfile": {Third: []string{"github.com/pelletier/go-toml/v2"}},
	"internal/cgroup":     {},
	"internal/dl":         {Third: []string{"github.com/ebitengine/purego", "golang.org/x/sys"}},
	"internal/chain":      {Ours: []string{"hasher"}},
	"internal/node":       {Ours: []string{"hasher", "internal/chain"}},
	"internal/mainnet":    {},
	"internal/archtest":   {},
	"internal/sv2peer":    {},
	"internal/jsonline":   {},
	"internal/journal":    {},
	"internal/audit":      {Ours: []string{"internal/journal", "internal/jsonline"}},

	"internal/units": {},

	"tui": {
		Ours:  []string{"miner", "hasher", "internal/jsonline", "internal/units"},
		Third: []string{"charm.land/bubbletea/v2", "charm.land/bubbles/v2", "charm.land/lipgloss/v2", "github.com/charmbracelet/colorprofile", "github.com/charmbracelet/x/ansi"},
	},

	"bench": {Ours: []string{"hasher", "hasher/cpu", "miner", "internal/cgroup"}},

	"cmd/gominer": {
		Ours:  []string{anything},
		Third: []string{"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/klauspost/cpuid/v2", "golang.org/x/sys/windows", "golang.org/x/term", "gopkg.in/natefinch/lumberjack.v2"},
	},
}

// Linked has every module of others that ends up in a binary, by whom it comes.
var Linked = map[string]string{
	"charm.land/bubbles/v2":                       "tui",
	"charm.land/bubbletea/v2":                     "tui",
	"charm.land/lipgloss/v2":                      "tui",
	"github.com/btcsuite/btcd/btcec/v2":           "stratum/noise",
	"github.com/btcsuite/btcd/chaincfg/chainhash": "btcec",
	"github.com/charmbracelet/colorprofile":       "tui",
	"github.com/charmbracelet/ultraviolet":        "bubbletea",
	"github.com/charmbracelet/x/ansi":             "tui",
	"github.com/charmbracelet/x/term":             "bubbletea",
	"github.com/charmbracelet/x/termios":          "bubbletea",
	"github.com/charmbracelet/x/windows":          "bubbletea",
	"github.com/clipperhouse/displaywidth":        "bubbletea",
	"github.com/clipperhouse/uax29/v2":            "bubbletea",
	"github.com/coder/websocket":                  "stratum/transport",
	"github.com/creack/pty":                       "hasher/asic/emulate",
	"github.com/decred/dcrd/crypto/blake256":      "secp256k1",
	"github.com/decred/dcrd/dcrec/secp256k1/v4":   "btcec",
	"github.com/ebitengine/purego":                "internal/dl",
	"github.com/inconshreveable/mousetrap":        "cobra, on Windows",
	"github.com/klauspost/cpuid/v2":               "hasher",
	"github.com/lucasb-eyer/go-colorful":          "bubbletea",
	"github.com/mattn/go-runewidth":               "bubbletea",
	"github.com/minio/sha256-simd":                "hasher",
	"github.com/muesli/cancelreader":              "bubbletea",
	"github.com/rivo/uniseg":                      "bubbletea",
	"github.com/pelletier/go-toml/v2":             "internal/configfile",
	"github.com/spf13/cobra":                      "cmd/gominer",
	"github.com/spf13/pflag":                      "cobra",
	"github.com/xo/terminfo":                      "bubbletea",
	"go.bug.st/serial":                            "hasher/asic/usb",
	"golang.org/x/crypto":                         "stratum/noise",
	"golang.org/x/net":                            "stratum",
	"golang.org/x/sync":                           "bubbletea",
	"golang.org/x/sys":                            "hasher/cpu",
	"golang.org/x/term":                           "cmd/gominer",
	"gopkg.in/natefinch/lumberjack.v2":            "cmd/gominer",
}

// Limits that a reader can rely on.
const (
	mostLines   = 600 // of a Go file that is not generated
	mostMethods = 4   // of an exported interface
	mostDirect  = 22  // modules of others that go.mod requires directly
)

// Markdown returns the table as ARCHITECTURE.md has it, one line a package.
func Markdown(table map[string]Row) []string {
	list := func(names []string) string {
		if len(names) == 0 {
			return "—"
		}
		if names[0] == anything {
			return "everything"
		}
		return "`" + strings.Join(names, "`, `") + "`"
	}
	var lines []string
	for _, dir := range slices.Sorted(maps.Keys(table)) {
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s |", dir, list(table[dir].Ours), list(table[dir].Third)))
	}
	return lines
}
