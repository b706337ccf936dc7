package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/internal/audit"
	"gominer/internal/chain"
	"gominer/internal/units"
	"gominer/stratum/record"
)

// explanation is what decode says of one input.
type explanation struct {
	Time string `json:"time,omitempty"` // of an entry of a recording: RFC 3339, or seconds
	Conn uint64 `json:"conn,omitempty"`
	From string `json:"from,omitempty"` // who said it

	Kind   string         `json:"kind"`  // as decode takes it, or a method of Stratum
	About  string         `json:"about"` // what it is, and the byte order
	Fields []decodedField `json:"fields"`

	heading string // for people: when, and from whom
}

// decodedField is one field of it.
type decodedField struct {
	Name  string `json:"name"`
	Raw   string `json:"raw,omitempty"` // as it stands in the input
	Value string `json:"value"`         // what it means
}

func (e *explanation) add(name, raw, value string) {
	e.Fields = append(e.Fields, decodedField{name, raw, value})
}

func (e *explanation) addf(name, raw, format string, args ...any) {
	e.add(name, raw, fmt.Sprintf(format, args...))
}

// rawWidth is how much of what stands in the input is repeated for people.
const rawWidth = 20

func (e *explanation) text() string {
	var b strings.Builder
	if e.heading != "" {
		b.WriteString(escape(e.heading) + "\n")
	}
	for _, line := range wrap(e.About, helpWidth) {
		b.WriteString(escape(line) + "\n")
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, f := range e.Fields {
		raw := escape(f.Raw)
		if len(raw) > rawWidth {
			raw = raw[:rawWidth-4] + "…"
		}
		for i, line := range strings.Split(f.Value, "\n") {
			if i > 0 {
				f.Name, raw = "", ""
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\n", escape(f.Name), raw, escape(line))
		}
	}
	_ = w.Flush() // to memory
	return b.String()
}

// decoder explains inputs. What an earlier line of a dialogue said helps with
// the later ones.
type decoder struct {
	network *chain.Network // nil: what nbits hints at
	dialogue
	recording
}

// decoders has a function for each kind of input that can be asked for.
var decoders = []struct {
	kind   string
	about  string // for help
	decode func(d *decoder, input string) (*explanation, error)
}{
	{"header", "160 hex digits", (*decoder).header},
	{"nbits", "8 hex digits", (*decoder).nbits},
	{"target", "64 hex digits", (*decoder).target},
	{"difficulty", "a number", (*decoder).difficulty},
	{"notify", "a mining.notify line, or its params", (*decoder).notifyLine},
	{"coinbase", "a transaction in hex", (*decoder).coinbase},
	{"frame", "a message of Stratum V2 in hex, unencrypted, with its header", (*decoder).frame},
}

func decodeKinds() (kinds []string) {
	for _, d := range decoders {
		kinds = append(kinds, d.kind)
	}
	return kinds
}

// errForm says that an input looks like nothing that is known.
func errForm() error {
	return fmt.Errorf("the input is none of %s or a Stratum V1 line; to say what it is: gominer decode KIND INPUT", strings.Join(decodeKinds(), ", "))
}

// decodeOptions are the flags of decode.
type decodeOptions struct {
	decoder decoder
	follow  bool
	verify  bool
	head    audit.Hash // that the log has to have; zero: any
	json    bool
}

func newDecode(p *process) *cobra.Command {
	o := &decodeOptions{}
	cmd := &cobra.Command{
		Use:   "decode [KIND] [INPUT | FILE] [flags]",
		Short: "Explain a header, nBits, target, coinbase, Stratum line or recording",
		Long: `Says field by field what the input means and in which byte order it stands.
A file, or stdin if there is neither INPUT nor FILE, is read line by line: a
recorded dialogue, of mine --record or written by hand with > before what the
miner said and < before what the pool said, is explained with what its earlier
lines said, down to the hash of each share. The kind is seen from the input's
form, or named:

` + kindTable(),
		Example: `gominer decode 1d00ffff
gominer decode difficulty 0.001
gominer decode '{"id":null,"method":"mining.set_difficulty","params":[512]}'
bitcoin-cli getblockheader HASH false | gominer decode header
gominer decode dialogue.jsonl
gominer decode frame 00801a18000000…
gominer decode --follow dialogue.jsonl
gominer decode --verify audit.log`,
		ValidArgsFunction: completeKinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.decode(cmd.Context(), o, args)
		},
	}
	section(cmd, "Input", func(f *pflag.FlagSet) {
		f.BoolVar(&o.follow, "follow", false, "go on with what is added to FILE, until Ctrl-C")
		f.BoolVar(&o.verify, "verify", false, "check FILE, an audit log of mine --audit, for lines that were changed, cut, inserted or reordered; exit code 3 if there are any")
		valueVar(f, &o.head, "head", "", "", "the log must have a line of this `HASH`, which the run that ended with it printed: else it was cut", audit.ParseHash)
	})
	section(cmd, "Output", func(f *pflag.FlagSet) {
		valueVar(f, &o.decoder.network, "network", "", "", "show addresses as those of the network `NAME`: mainnet, testnet, signet, regtest … (default: regtest if nbits says so, else mainnet)", chain.NetworkNamed)
		f.BoolVar(&o.json, "json", false, "as JSON, one object a line")
	})
	return cmd
}

func kindTable() string {
	var b strings.Builder
	for _, d := range decoders {
		fmt.Fprintf(&b, "  %-12s%s\n", d.kind, d.about)
	}
	return b.String()
}

func (p *process) explain(e *explanation, asJSON bool) error {
	if asJSON {
		return p.writeJSONLine(e)
	}
	_, err := io.WriteString(p.stdout, e.text())
	return err
}

// decode explains one input of a kind, "" for whatever it looks like.
func (d *decoder) decode(kind, input string) (*explanation, error) {
	input = strings.TrimSpace(input)
	if e, err := record.Parse([]byte(input)); err == nil && (e.Kind != record.Line || e.From != "") {
		if kind == "" {
			return d.entry(&e)
		}
		input = string(e.Data)
	} else if err != nil && strings.HasPrefix(input, `{"time":`) {
		return nil, err
	}
	if strings.HasPrefix(input, `{"seq":`) {
		return nil, errors.New("that is a line of an audit log: gominer decode --verify FILE checks one")
	}
	if kind == "" {
		kind = guessKind(input)
	}
	switch {
	case kind == "line":
		return d.line(input)
	case kind == "":
		return nil, errForm()
	}
	for _, k := range decoders {
		if k.kind == kind {
			e, err := k.decode(d, input)
			if err != nil {
				err = fmt.Errorf("%s: %w", kind, err)
			}
			return e, err
		}
	}
	return nil, fmt.Errorf("unknown kind %q", kind)
}

var (
	hexDigits = regexp.MustCompile(`^(?i:0x)?([0-9a-fA-F]+)$`)
	decimal   = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$`)
)

// guessKind tells an input's kind by its form, "" if it has none that is known.
func guessKind(input string) string {
	if strings.HasPrefix(input, "{") {
		return "line"
	}
	if strings.HasPrefix(input, "[") {
		return "notify"
	}
	if m := hexDigits.FindStringSubmatch(input); m != nil {
		switch n := len(m[1]); {
		case n == 8:
			return "nbits"
		case n == 64:
			return "target"
		case n == 160:
			return "header"
		case n > 64:
			return "coinbase"
		}
	}
	if decimal.MatchString(input) {
		return "difficulty"
	}
	return ""
}

// unhex reads hex digits, with or without 0x, and says where the first wrong one
// stands. A size of 0 is any.
func unhex(s string, size int) ([]byte, error) {
	s = strings.TrimPrefix(strings.TrimPrefix(s, "0x"), "0X")
	for i, r := range s {
		if !strings.ContainsRune("0123456789abcdefABCDEF", r) {
			return nil, fmt.Errorf("character %d, %q, is not a hex digit", i+1, r)
		}
	}
	switch {
	case size > 0 && len(s) != 2*size:
		return nil, fmt.Errorf("%s, want %d", units.Plural(uint64(len(s)), "hex digit"), 2*size)
	case len(s)%2 != 0:
		return nil, fmt.Errorf("%d hex digits, an odd number: one is missing", len(s))
	}
	return hex.DecodeString(s)
}
