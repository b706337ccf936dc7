// Command gominer mines Bitcoin (SHA256d) on pools and nodes, and has what is
// needed to test both: a pool of its own, a demonstration, a decoder.
//
// This package is the wiring: verbs, flags into the packages' Config structs,
// signals, what people and scripts read, exit codes. All that can be of use to
// another program is in a package of its own.
package main

import "os"

func main() { os.Exit(newProcess().run()) }
