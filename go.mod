module gominer

go 1.26.0

require (
	github.com/klauspost/cpuid/v2 v2.4.2
	github.com/minio/sha256-simd v1.0.1
	golang.org/x/sys v0.49.0
	golang.org/x/term v0.47.0
)
