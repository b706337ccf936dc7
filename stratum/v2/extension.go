package v2

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// The extensions that this package knows.
const (
	ExtensionsNegotiation uint16 = 0x0001
	WorkerHashrate        uint16 = 0x0002 // "Worker-Specific Hashrate Tracking"
)

// RequestExtensions (extension 0x0001) asks which extensions the server knows.
type RequestExtensions struct {
	RequestID           uint16
	RequestedExtensions []uint16
}

// Type returns TypeRequestExtensions.
func (*RequestExtensions) Type() Type { return TypeRequestExtensions }

func (m *RequestExtensions) fields(c *coder) {
	c.u16("request_id", &m.RequestID)
	c.u16s("requested_extensions", &m.RequestedExtensions)
}

// RequestExtensionsSuccess (extension 0x0001) says which of them it knows.
type RequestExtensionsSuccess struct {
	RequestID           uint16
	SupportedExtensions []uint16
}

// Type returns TypeRequestExtensionsSuccess.
func (*RequestExtensionsSuccess) Type() Type { return TypeRequestExtensionsSuccess }

func (m *RequestExtensionsSuccess) fields(c *coder) {
	c.u16("request_id", &m.RequestID)
	c.u16s("supported_extensions", &m.SupportedExtensions)
}

// RequestExtensionsError (extension 0x0001) says that the server knows none of
// them, or insists on others.
type RequestExtensionsError struct {
	RequestID             uint16
	UnsupportedExtensions []uint16
	RequiredExtensions    []uint16 // that were not requested
}

// Type returns TypeRequestExtensionsError.
func (*RequestExtensionsError) Type() Type { return TypeRequestExtensionsError }

func (m *RequestExtensionsError) fields(c *coder) {
	c.u16("request_id", &m.RequestID)
	c.u16s("unsupported_extensions", &m.UnsupportedExtensions)
	c.u16s("required_extensions", &m.RequiredExtensions)
}

// MaxUserIdentity is the longest name of a worker, in bytes.
const MaxUserIdentity = 32

// A TLV field (§3.4.3) begins with extension type U16, field type U8, length U16.
const tlvHeader = 2 + 1 + 2

// userIdentity is the field type of the one field of extension 0x0002.
const userIdentity = 0x01

// SetUserIdentity sets m.TLVs to the name of the worker who found the share
// (extension 0x0002), at most MaxUserIdentity bytes of UTF-8. It is to be sent
// where that extension was negotiated, and then always.
func (m *SubmitSharesExtended) SetUserIdentity(name string) error {
	if err := m.checkUserIdentity(name); err != nil {
		return err
	}
	if !utf8.ValidString(name) {
		return &FieldError{m.Type(), m.ChannelID, "user_identity", "it is not UTF-8"}
	}
	// The specification's examples are big-endian. Its rule for everything else
	// is little-endian, and so is what the reference implementation sends.
	b := binary.LittleEndian.AppendUint16(make([]byte, 0, tlvHeader+len(name)), WorkerHashrate)
	b = append(b, userIdentity)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(name)))
	m.TLVs = append(b, name...)
	return nil
}

// UserIdentity returns the name of the worker who found the share, and whether
// there is one. It is to be asked for where extension 0x0002 was negotiated.
// Other fields are skipped. Both byte orders are understood. The error, a
// *FieldError, says that the name is too long: the message is to be rejected.
func (m *SubmitSharesExtended) UserIdentity() (name string, ok bool, err error) {
	value, ok := findTLV(m.TLVs, binary.LittleEndian, WorkerHashrate, userIdentity)
	if !ok {
		value, ok = findTLV(m.TLVs, binary.BigEndian, WorkerHashrate, userIdentity)
	}
	if err := m.checkUserIdentity(string(value)); err != nil {
		return "", false, err
	}
	return string(value), ok, nil
}

func (m *SubmitSharesExtended) checkUserIdentity(name string) error {
	if len(name) > MaxUserIdentity {
		return &FieldError{m.Type(), m.ChannelID, "user_identity", fmt.Sprintf("%d bytes, at most %d fit", len(name), MaxUserIdentity)}
	}
	return nil
}

// findTLV returns the value of the first such field in b, up to the first field
// that is cut.
func findTLV(b []byte, order binary.ByteOrder, extension uint16, field uint8) ([]byte, bool) {
	for len(b) >= tlvHeader {
		ext, typ, n := order.Uint16(b), b[2], int(order.Uint16(b[3:]))
		if b = b[tlvHeader:]; n > len(b) {
			break
		}
		if ext == extension && typ == field {
			return b[:n], true
		}
		b = b[n:]
	}
	return nil, false
}
