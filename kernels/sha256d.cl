/* The search for nonces whose double SHA-256 has its top 32 bits at or below a
 * limit, for every nonce of a range and every version of a job.
 *
 * Built with
 *   -D WIDTH=1|2|4|8|16  nonces that one work item hashes side by side
 *   -D VERSIONS=k        midstates that share one message schedule
 *   -D STREAMS=s         versions that go through the rounds side by side, for
 *                        processors that hide latency by that; divides VERSIONS
 *   -D ROLLED=0|1        loops of rounds stay loops
 *   -D ROUNDS_EACH=n     times that one work item does it, one after the other
 *   -D ROOM=n            candidates that fit into found
 *
 * job holds, as Prep.Words of package hasher writes it, JOB_HEAD words that all
 * versions share, then 16 words for each version: its midstate, and the state
 * after round 3 as it is without the nonce.
 *
 * found[0] counts all candidates, also those beyond ROOM; the pairs behind it are
 * (nonce, version's index). Nonces are numbers as in the header, whose bytes they
 * are little-endian; the message schedule reads the same bytes big-endian.
 *
 * What is saved against two plain SHA-256: the first three rounds, and the parts
 * of the schedule that no nonce changes; the padding's words; in the second hash
 * round 0 as far as its state is known, S0 and Maj of rounds 57 to 60 and all
 * behind the e of round 60, which is the hash's last word. */

#define JOB_HEAD 19
#define JOB_EACH 16

#if WIDTH == 1
typedef uint u;
#define LANES 0
#elif WIDTH == 2
typedef uint2 u;
#define LANES (u)(0, 1)
#elif WIDTH == 4
typedef uint4 u;
#define LANES (u)(0, 1, 2, 3)
#elif WIDTH == 8
typedef uint8 u;
#define LANES (u)(0, 1, 2, 3, 4, 5, 6, 7)
#else
typedef uint16 u;
#define LANES (u)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#endif

/* right rotations by constants */
#define ror(x, n) rotate((x), (u)(32 - (n)))
#define bsig0(x) (ror(x, 2) ^ ror(x, 13) ^ ror(x, 22))
#define bsig1(x) (ror(x, 6) ^ ror(x, 11) ^ ror(x, 25))
#define ssig0(x) (ror(x, 7) ^ ror(x, 18) ^ ((x) >> 3))
#define ssig1(x) (ror(x, 17) ^ ror(x, 19) ^ ((x) >> 10))

/* Functions of three words: one instruction each on most devices, if the compiler
 * sees it. Compilers for x86 need help. */
#if WIDTH == 16 && defined(__AVX512F__)
typedef int m512 __attribute__((vector_size(64)));
#define tern(x, y, z, f) __builtin_astype(__builtin_ia32_pternlogd512_mask(__builtin_astype((x), m512), __builtin_astype((y), m512), __builtin_astype((z), m512), f, -1), u)
#define ch(x, y, z) tern(x, y, z, 0xca)
#define maj(x, y, z) tern(x, y, z, 0xe8)
#else
#define ch(x, y, z) bitselect((z), (y), (x))
#define maj(x, y, z) bitselect((x), (y), (x) ^ (z))
#endif

u swap(u x)
{
#if WIDTH == 1
	return as_uint(as_uchar4(x).wzyx);
#else
	return bitselect(rotate(x, (u)24), rotate(x, (u)8), (u)0x00ff00ff);
#endif
}

__constant uint K[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

#define each _Pragma("unroll") for (int s = 0; s < STREAMS; s++)

/* Loops of rounds: in full for GPUs; for processors as loops, since code of more
 * than an instruction cache costs more than what unrolling gains. */
#if ROLLED
#define repeat _Pragma("unroll 1") for
#else
#define repeat _Pragma("unroll") for
#endif

/* A round with kw = K + W: the state turns by one place in the arguments. */
#define sha_round(a, b, c, d, e, f, g, h, kw) each { \
	u t = h[s] + (kw) + ch(e[s], f[s], g[s]) + bsig1(e[s]); \
	d[s] += t; \
	h[s] = t + bsig0(a[s]) + maj(a[s], b[s], c[s]); }
/* A round of which only e is wanted. */
#define sha_round_e(a, b, c, d, e, f, g, h, kw) each \
	d[s] += h[s] + (kw) + ch(e[s], f[s], g[s]) + bsig1(e[s]);

/* Eight rounds with the state p##0 (a) to p##7 (h); kw is a macro of from and j. */
#define rounds8(p, kw, from, j) \
	sha_round(p##0, p##1, p##2, p##3, p##4, p##5, p##6, p##7, kw(from, (j))) \
	sha_round(p##7, p##0, p##1, p##2, p##3, p##4, p##5, p##6, kw(from, (j) + 1)) \
	sha_round(p##6, p##7, p##0, p##1, p##2, p##3, p##4, p##5, kw(from, (j) + 2)) \
	sha_round(p##5, p##6, p##7, p##0, p##1, p##2, p##3, p##4, kw(from, (j) + 3)) \
	sha_round(p##4, p##5, p##6, p##7, p##0, p##1, p##2, p##3, kw(from, (j) + 4)) \
	sha_round(p##3, p##4, p##5, p##6, p##7, p##0, p##1, p##2, kw(from, (j) + 5)) \
	sha_round(p##2, p##3, p##4, p##5, p##6, p##7, p##0, p##1, kw(from, (j) + 6)) \
	sha_round(p##1, p##2, p##3, p##4, p##5, p##6, p##7, p##0, kw(from, (j) + 7))

/* The first hash's rounds 4 to 11, whose words are padding. */
#define PAD(from, j) (u)(K[(j)] + ((j) == 4 ? 0x80000000u : 0u))
/* Its rounds from 18 on: words that the versions share, K added already. */
#define SHARED(from, j) w[(from) + (j)]
/* The second hash from round 16 on; from is a multiple of 16. */
#define LATER(from, j) ((x[(j) & 15][s] += ssig1(x[((j) - 2) & 15][s]) + x[((j) - 7) & 15][s] + ssig0(x[((j) - 15) & 15][s])) + K[(from) + (j)])

#if WIDTH == 1
#define report(top, nonce, version) \
	if (top <= limit) \
		keep(found, nonce, version);
#else
#define report(top, nonce, version) \
	if (any(top <= (u)limit)) { \
		union { u v; uint lane[WIDTH]; } tops; \
		tops.v = top; \
		for (uint l = 0; l < WIDTH; l++) \
			if (tops.lane[l] <= limit && at + l < count) \
				keep(found, (nonce) + l, version); \
	}
#endif

void keep(__global volatile uint *found, uint nonce, uint version)
{
	const uint i = atomic_inc(found);
	if (i < ROOM) {
		found[1 + 2 * i] = nonce;
		found[2 + 2 * i] = version;
	}
}

__kernel void search(__constant const uint *job, const uint first, const uint count, __global volatile uint *found)
{
	const uint limit = job[0];
	const uint stride = (uint)get_global_size(0) * WIDTH;
	uint at = (uint)get_global_id(0) * WIDTH;

	for (uint again = 0; again < ROUNDS_EACH; again++, at += stride) {
		if (at >= count)
			break;
		const u n = swap(first + at + LANES);

		/* the first hash's schedule, then K on top of it */
		u w[64];
		w[18] = ssig0(n) + job[3];
		w[19] = n + job[4];
		w[20] = ssig1(w[18]) + 0x80000000u;
		w[21] = ssig1(w[19]);
		w[22] = ssig1(w[20]) + 640u;
		w[23] = ssig1(w[21]) + job[8];
		w[24] = ssig1(w[22]) + job[9];
		w[25] = ssig1(w[23]) + w[18];
		w[26] = ssig1(w[24]) + w[19];
		w[27] = ssig1(w[25]) + w[20];
		w[28] = ssig1(w[26]) + w[21];
		w[29] = ssig1(w[27]) + w[22];
		w[30] = ssig1(w[28]) + w[23] + 0x00a00055u; /* ssig0 of the length */
		w[31] = ssig1(w[29]) + w[24] + job[16];
		w[32] = ssig1(w[30]) + w[25] + job[17];
		w[33] = ssig1(w[31]) + w[26] + ssig0(w[18]) + job[18];
		#pragma unroll
		for (int i = 34; i < 64; i++)
			w[i] = ssig1(w[i - 2]) + w[i - 7] + ssig0(w[i - 15]) + w[i - 16];
		#pragma unroll
		for (int i = 18; i < 64; i++)
			w[i] += K[i];

#if VERSIONS > STREAMS
		#pragma unroll 1
#endif
		for (uint v = 0; v < VERSIONS; v += STREAMS) {
			__constant const uint *mid = job + JOB_HEAD + JOB_EACH * v;
			u a0[STREAMS], a1[STREAMS], a2[STREAMS], a3[STREAMS], a4[STREAMS], a5[STREAMS], a6[STREAMS], a7[STREAMS];
			each {
				__constant const uint *st3 = mid + JOB_EACH * s + 8;
				a0[s] = n + st3[0];
				a1[s] = st3[1];
				a2[s] = st3[2];
				a3[s] = st3[3];
				a4[s] = n + st3[4];
				a5[s] = st3[5];
				a6[s] = st3[6];
				a7[s] = st3[7];
			}
			rounds8(a, PAD, 0, 4)
			sha_round(a0, a1, a2, a3, a4, a5, a6, a7, (u)0x72be5d74u)
			sha_round(a7, a0, a1, a2, a3, a4, a5, a6, (u)0x80deb1feu)
			sha_round(a6, a7, a0, a1, a2, a3, a4, a5, (u)0x9bdc06a7u)
			sha_round(a5, a6, a7, a0, a1, a2, a3, a4, (u)(0xc19bf174u + 640u))
			sha_round(a4, a5, a6, a7, a0, a1, a2, a3, job[1])
			sha_round(a3, a4, a5, a6, a7, a0, a1, a2, job[2])
			sha_round(a2, a3, a4, a5, a6, a7, a0, a1, SHARED(0, 18))
			sha_round(a1, a2, a3, a4, a5, a6, a7, a0, SHARED(0, 19))
			repeat (int i = 20; i < 60; i += 8) {
				rounds8(a, SHARED, i, 0)
			}
			sha_round(a0, a1, a2, a3, a4, a5, a6, a7, SHARED(0, 60))
			sha_round(a7, a0, a1, a2, a3, a4, a5, a6, SHARED(0, 61))
			sha_round(a6, a7, a0, a1, a2, a3, a4, a5, SHARED(0, 62))
			sha_round(a5, a6, a7, a0, a1, a2, a3, a4, SHARED(0, 63))

			u x[16][STREAMS];
			each {
				__constant const uint *m = mid + JOB_EACH * s;
				x[0][s] = a4[s] + m[0];
				x[1][s] = a5[s] + m[1];
				x[2][s] = a6[s] + m[2];
				x[3][s] = a7[s] + m[3];
				x[4][s] = a0[s] + m[4];
				x[5][s] = a1[s] + m[5];
				x[6][s] = a2[s] + m[6];
				x[7][s] = a3[s] + m[7];
				x[8][s] = 0x80000000u;
				x[9][s] = x[10][s] = x[11][s] = x[12][s] = x[13][s] = x[14][s] = 0;
				x[15][s] = 256;
			}

			/* round 0 from the initial state: a and e but for x[0] */
			u b0[STREAMS], b1[STREAMS], b2[STREAMS], b3[STREAMS], b4[STREAMS], b5[STREAMS], b6[STREAMS], b7[STREAMS];
			each {
				b7[s] = x[0][s] + 0xfc08884du;
				b0[s] = 0x6a09e667u;
				b1[s] = 0xbb67ae85u;
				b2[s] = 0x3c6ef372u;
				b3[s] = x[0][s] + 0x98c7e2a2u;
				b4[s] = 0x510e527fu;
				b5[s] = 0x9b05688cu;
				b6[s] = 0x1f83d9abu;
			}
			sha_round(b7, b0, b1, b2, b3, b4, b5, b6, x[1][s] + K[1])
			sha_round(b6, b7, b0, b1, b2, b3, b4, b5, x[2][s] + K[2])
			sha_round(b5, b6, b7, b0, b1, b2, b3, b4, x[3][s] + K[3])
			sha_round(b4, b5, b6, b7, b0, b1, b2, b3, x[4][s] + K[4])
			sha_round(b3, b4, b5, b6, b7, b0, b1, b2, x[5][s] + K[5])
			sha_round(b2, b3, b4, b5, b6, b7, b0, b1, x[6][s] + K[6])
			sha_round(b1, b2, b3, b4, b5, b6, b7, b0, x[7][s] + K[7])
			sha_round(b0, b1, b2, b3, b4, b5, b6, b7, (u)(0xd807aa98u + 0x80000000u))
			sha_round(b7, b0, b1, b2, b3, b4, b5, b6, (u)K[9])
			sha_round(b6, b7, b0, b1, b2, b3, b4, b5, (u)K[10])
			sha_round(b5, b6, b7, b0, b1, b2, b3, b4, (u)K[11])
			sha_round(b4, b5, b6, b7, b0, b1, b2, b3, (u)K[12])
			sha_round(b3, b4, b5, b6, b7, b0, b1, b2, (u)K[13])
			sha_round(b2, b3, b4, b5, b6, b7, b0, b1, (u)K[14])
			sha_round(b1, b2, b3, b4, b5, b6, b7, b0, (u)(0xc19bf174u + 256u))
			repeat (int i = 16; i < 48; i += 16) {
				rounds8(b, LATER, i, 0)
				rounds8(b, LATER, i, 8)
			}
			rounds8(b, LATER, 48, 0)
			sha_round(b0, b1, b2, b3, b4, b5, b6, b7, LATER(48, 8))
			sha_round_e(b7, b0, b1, b2, b3, b4, b5, b6, LATER(48, 9))
			sha_round_e(b6, b7, b0, b1, b2, b3, b4, b5, LATER(48, 10))
			sha_round_e(b5, b6, b7, b0, b1, b2, b3, b4, LATER(48, 11))
			sha_round_e(b4, b5, b6, b7, b0, b1, b2, b3, LATER(48, 12))

			/* the last word of the hash, whose bytes are the top of the number */
			each {
				const u top = swap(b7[s] + 0x5be0cd19u);
				report(top, first + at, v + s)
			}
		}
	}
}
