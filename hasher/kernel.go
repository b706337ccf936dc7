package hasher

import "github.com/klauspost/cpuid/v2"

//go:generate sh -c "cd _asm && go run ."

// Candidate is a nonce whose hash's top 32 bits are at or below the limit, and
// the version that it was found with.
type Candidate struct {
	Nonce uint32 // as in the header, bytes 76-79 little-endian
	Index int    // of Prep.Mid and Prep.Versions
}

// Kernel is one implementation of the search. It is a value, not an interface:
// there is nothing to mock and nothing to embed.
type Kernel struct {
	// Name is what the kernel runs on: "generic", "avx512", "shani", …; with
	// "-ver" its lanes are versions of one nonce, which share a schedule, and with
	// "-sha" vector units and SHA-NI divide the work.
	Name  string
	Lanes int // headers hashed side by side; batches are best a multiple of it

	// Versions is the number that len(Prep.Mid) must be a multiple of. Kernels
	// with Versions 1 take any number and try one after the other.
	Versions int

	// Find tries every nonce of [first, first+count), taken modulo 2^32, with
	// every version of p, count × len(p.Mid) headers in all, and appends each
	// candidate to found, in no order. It allocates nothing while found has
	// room, keeps neither p nor found, and may be called from any goroutine, but
	// not with one p from two at a time.
	//
	// It returns only when it is done: count bounds how long a new job waits.
	// The garbage collector waits less, as assembly is called for a fraction of a
	// millisecond at a time. Implementations are tuned for Limit 0 (difficulty 1 and above); any other
	// Limit is right, not fast.
	Find func(p *Prep, first, count uint32, found []Candidate) []Candidate
}

// Kernels returns the kernels that this CPU can run, the fastest first by what
// is known of CPUs in general; the last is always "generic".
func Kernels() []Kernel {
	var kernels []Kernel
	for _, k := range archKernels() {
		if len(k.missing()) == 0 {
			kernels = append(kernels, k.Kernel)
		}
	}
	return append(kernels, minioKernel, genericKernel)
}

// archKernel is a kernel in assembly.
type archKernel struct {
	needs []cpuid.FeatureID // beyond what every CPU of the architecture has
	Kernel
}

// missing returns what k needs and this CPU lacks. A feature counts only if the
// operating system saves its registers, too.
func (k *archKernel) missing() (lacks []cpuid.FeatureID) {
	for _, f := range k.needs {
		if !cpuid.CPU.Has(f) {
			lacks = append(lacks, f)
		}
	}
	return lacks
}

// KernelByName returns the kernel of that name, false if there is none or this
// CPU can't run it.
func KernelByName(name string) (Kernel, bool) {
	for _, k := range Kernels() {
		if k.Name == name {
			return k, true
		}
	}
	return Kernel{}, false
}
