// Package sv2peer holds stratum/noise and stratum/v2 against the reference
// implementation of Stratum V2: its tests build the program in src, which is
// ours but made of that implementation's crates, and talk to it over loopback in
// both roles. Where there is no cargo, or no way to the crates, they are skipped.
//
// Where the implementation's own programs are in the PATH, gominer mines on
// pool_sv2, which a template provider of ours feeds with blocks; and mining_device,
// and translator_sv2 with gominer behind it, mine on the pool of gominer.
//
// The crates are fetched by cargo as Cargo.lock says; what is built is kept in
// the user's cache directory.
package sv2peer
