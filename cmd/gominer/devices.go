package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/klauspost/cpuid/v2"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gominer/hasher/asic/usb"
	"gominer/hasher/cpu"
	"gominer/hasher/opencl"
	"gominer/internal/units"
)

// deviceReport is what devices --json says of one device.
type deviceReport struct {
	Name     string         `json:"name"` // as --device takes it
	Kind     string         `json:"kind"`
	Model    string         `json:"model"`
	Features []string       `json:"features"` // of the processor, those that kernels can use
	Threads  int            `json:"threads"`  // that mine unless --threads says otherwise
	Kernels  []kernelReport `json:"kernels"`  // the fastest first
}

type kernelReport struct {
	Name     string  `json:"name"`
	Lanes    int     `json:"lanes"`    // headers hashed side by side
	Versions int     `json:"versions"` // header versions tried at once
	Rate     float64 `json:"hs"`       // of one thread, H/s
	Default  bool    `json:"default"`
}

// cpuDevice is the processor's name among devices.
const cpuDevice = "cpu"

// deviceNames returns what --device takes.
func deviceNames() []string {
	names := []string{cpuDevice}
	found, _ := opencl.Devices() // what is wrong is said where it matters
	for _, f := range found {
		names = append(names, f.Name)
	}
	return names
}

func newDevices(p *process) *cobra.Command {
	asJSON, rules := false, false
	cmd := &cobra.Command{
		Use:   "devices [flags]",
		Short: "Say what this machine can mine with",
		Long: `The hash rates are those of one thread, measured for a moment: they tell the
kernels apart. The fastest is the default.

Of what is plugged in, everything with a serial port is shown: not every miner
says that it is one. "Ready" is a port that can be opened as far as its rights
tell; only mining shows whether chips answer.`,
		Example: `gominer devices
gominer devices --json
gominer devices --udev-rules | sudo tee ` + usb.RulesFile,
		Args: p.noArgs,
		RunE: func(*cobra.Command, []string) error {
			if rules {
				_, err := io.WriteString(p.stdout, usbRules())
				return err
			}
			return p.devices(asJSON)
		},
	}
	section(cmd, "Output", func(f *pflag.FlagSet) {
		f.BoolVar(&asJSON, "json", false, "as JSON")
		f.BoolVar(&rules, "udev-rules", false, "print rules for Linux's udev instead, that let you use USB miners without being root")
		exclusive(f, "udev-rules", "json")
	})
	return cmd
}

// devices says what there is.
func (p *process) devices(asJSON bool) error {
	report, err := describeProcessor()
	if err != nil {
		return err
	}
	cards, noCards := opencl.Devices()
	plugged, noUSB := p.listUSB()
	var text strings.Builder
	text.WriteString(report.text())
	all := []any{report}
	for i := range cards {
		r := describeOpenCL(&cards[i])
		all = append(all, r)
		text.WriteString("\n" + r.text())
	}
	for i := range plugged {
		r := describeUSB(&plugged[i])
		all = append(all, r)
		text.WriteString("\n" + r.text())
	}
	out := map[string]any{"devices": all}
	for _, trouble := range []struct {
		name, key string
		err       error
	}{{"OpenCL", "opencl_error", noCards}, {"USB", "usb_error", noUSB}} {
		if trouble.err != nil {
			out[trouble.key] = trouble.err.Error()
			text.WriteString("\n" + trouble.name + ": " + trouble.err.Error() + "\n")
		}
	}
	if asJSON {
		return p.writeJSON(out)
	}
	_, err = io.WriteString(p.stdout, text.String())
	return err
}

// processorModel returns the processor's name as its maker calls it.
func processorModel() string {
	if cpuid.CPU.BrandName == "" {
		return "unknown processor"
	}
	return cpuid.CPU.BrandName
}

func describeProcessor() (deviceReport, error) {
	all := measureAll()
	chosen, err := fastest(all, autoKernel)
	if err != nil {
		return deviceReport{}, err
	}
	slices.SortStableFunc(all, func(a, b measured) int { return cmp.Compare(b.rate, a.rate) })
	r := deviceReport{
		Name: cpuDevice, Kind: "cpu", Model: processorModel(), Threads: cpu.DefaultThreads(), Features: processorFeatures(),
	}
	for _, m := range all {
		r.Kernels = append(r.Kernels, kernelReport{m.Name, m.Lanes, m.Versions, m.rate, m.Name == chosen.name()})
	}
	return r, nil
}

// processorFeatures names the instruction sets that SHA-256 kernels are written
// with.
func processorFeatures() []string {
	features := []string{} // not null in JSON
	for _, f := range []cpuid.FeatureID{
		cpuid.SSSE3, cpuid.SSE4, cpuid.AVX, cpuid.AVX2, cpuid.AVX512F, cpuid.AVX512VL, cpuid.AVX512BW, cpuid.SHA,
		cpuid.ASIMD, cpuid.SHA2, cpuid.SVE,
	} {
		if cpuid.CPU.Supports(f) {
			features = append(features, strings.ToLower(f.String()))
		}
	}
	return features
}

func (r *deviceReport) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", r.Name, r.Model)
	fmt.Fprintf(&b, "     threads   %d\n", r.Threads)
	fmt.Fprintf(&b, "     features  %s\n\n", strings.Join(r.Features, " "))
	w := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, "     kernel\tlanes\tversions\tone thread\t")
	for _, k := range r.Kernels {
		note := ""
		if k.Default {
			note = "default"
		}
		fmt.Fprintf(w, "     %s\t%d\t%d\t%s\t%s\n", k.Name, k.Lanes, k.Versions, units.Hashrate(k.Rate), note)
	}
	_ = w.Flush() // to memory
	return b.String()
}
