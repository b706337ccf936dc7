package emulate

import "slices"

// Fault is something that goes wrong.
type Fault string

// The faults. Those of single messages meet one of several.
const (
	BadCRC        Fault = "bad-crc"
	Split         Fault = "split"
	Merge         Fault = "merge"
	Noise         Fault = "noise"
	Duplicate     Fault = "duplicate"
	Stale         Fault = "stale"
	WrongNonce    Fault = "wrong-nonce"
	MissingChip   Fault = "missing-chip"
	WrongChip     Fault = "wrong-chip"
	MuteAfterBaud Fault = "mute-after-baud"
	Unplug        Fault = "unplug"
)

// Described is a fault and what it does, for people.
type Described struct {
	Fault
	Text string
}

var faults = []Described{
	{BadCRC, "the checksum of a message is wrong"},
	{Split, "a message comes in two parts"},
	{Merge, "a message waits for the next, and both come at once"},
	{Noise, "bytes that mean nothing come before a message"},
	{Duplicate, "a nonce comes twice"},
	{Stale, "a nonce comes late, when the next work is there"},
	{WrongNonce, "a nonce is wrong"},
	{MissingChip, "the last chip of the board says nothing"},
	{WrongChip, "the chips say that they are others"},
	{MuteAfterBaud, "the chips say nothing any more when the baud rate has been changed"},
	{Unplug, "the board is pulled out every 10 s, and plugged in 3 s later"},
}

// Faults returns the faults that boards of that chip can have; all there are, of a
// chip that is not known.
func Faults(chip string) (list []Described) {
	k := kinds[chip]
	for _, f := range faults {
		if !slices.Contains(k.lacks, f.Fault) {
			list = append(list, f)
		}
	}
	return list
}
