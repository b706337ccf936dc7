package v2

import "fmt"

// FieldError says that one field of a message is wrong. The message is lost, but
// its frame was whole: the connection can go on.
type FieldError struct {
	Type   Type
	ID     uint32 // of the request or the channel, with which most messages begin; 0 if it is cut
	Field  string // as the specification calls it
	Reason string
}

func (e *FieldError) Error() string {
	return fmt.Sprintf("%v: %s: %s", e.Type, e.Field, e.Reason)
}

// LimitError says that a frame is larger than it may be. A reader has not read
// its payload: the connection is to be dropped.
type LimitError struct {
	Type      Type
	Size, Max int  // bytes of payload
	Text      bool // the header looks like text: the peer speaks another protocol
}

func (e *LimitError) Error() string {
	s := fmt.Sprintf("%v: a payload of %d bytes is above the cap of %d", e.Type, e.Size, e.Max)
	if e.Text {
		s += "; the peer sends text, it may speak Stratum V1"
	}
	return s
}
