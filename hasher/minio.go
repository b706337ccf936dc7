package hasher

import sha256 "github.com/minio/sha256-simd"

// minioKernel hashes whole headers with minio/sha256-simd: what a miner reaches
// that treats SHA-256 as a library. The other kernels are measured against it.
var minioKernel = Kernel{Name: "minio", Lanes: 1, Versions: 1, Find: findMinio}

func findMinio(p *Prep, first, count uint32, found []Candidate) []Candidate {
	h := p.Header
	for i, v := range p.Versions {
		h.SetVersion(v)
		for n := range count {
			h.SetNonce(first + n)
			sum := sha256.Sum256(h[:])
			sum = sha256.Sum256(sum[:])
			if (*Hash)(&sum).Top() <= p.Limit {
				found = append(found, Candidate{Nonce: first + n, Index: i})
			}
		}
	}
	return found
}
