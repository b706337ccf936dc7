package record

// AppendForTest is append.
func (e *Entry) AppendForTest(b []byte) []byte { return e.append(b) }

// MaskForTest returns a function that masks lines one after the other.
func MaskForTest(hideUsers bool) func(line string, from Side) string {
	m := &masker{hideUsers: hideUsers}
	return func(line string, from Side) string { return string(m.line([]byte(line), from)) }
}

// FramesForTest records bytes of frames as if they came from that side.
func (t *Tap) FramesForTest(from Side, b []byte) { t.bytesOfFrames(from, b) }
