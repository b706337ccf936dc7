package v2

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"testing"
)

// C1: the messages that others published, read, compared field by field, and
// written again.
func TestC1Vectors(t *testing.T) {
	tests := map[string]struct {
		typ    Type
		fields func(m Message) map[string]any // by the names in the vectors; nil compares the bytes alone
	}{
		"SetupConnection payload (TDP)": {TypeSetupConnection, func(m Message) map[string]any {
			s := m.(*SetupConnection)
			return map[string]any{
				"protocol": s.Protocol, "min_version": s.MinVersion, "max_version": s.MaxVersion, "flags": s.Flags,
				"endpoint_host": s.EndpointHost, "endpoint_port": s.EndpointPort, "vendor": s.Vendor,
				"hardware_version": s.HardwareVersion, "firmware": s.Firmware, "device_id": s.DeviceID,
			}
		}},
		"SetupConnection.Success payload": {TypeSetupConnectionSuccess, func(m Message) map[string]any {
			s := m.(*SetupConnectionSuccess)
			return map[string]any{"used_version": s.UsedVersion, "flags": s.Flags}
		}},
		"SetupConnection.Error payload": {TypeSetupConnectionError, func(m Message) map[string]any {
			s := m.(*SetupConnectionError)
			return map[string]any{"flags": s.Flags, "error_code": s.ErrorCode}
		}},
		"NewTemplate (1 output)": {TypeNewTemplate, func(m Message) map[string]any {
			n := m.(*NewTemplate)
			path := []any{}
			for _, h := range n.MerklePath {
				path = append(path, hex.EncodeToString(h[:]))
			}
			return map[string]any{
				"template_id": n.TemplateID, "future_template": n.FutureTemplate, "version": n.Version,
				"coinbase_tx_version": n.CoinbaseTxVersion, "coinbase_prefix": hex.EncodeToString(n.CoinbasePrefix),
				"coinbase_tx_input_sequence": n.CoinbaseTxInputSequence, "coinbase_tx_value_remaining": n.CoinbaseTxValueRemaining,
				"coinbase_tx_outputs_count": n.CoinbaseTxOutputsCount, "coinbase_tx_outputs": hex.EncodeToString(n.CoinbaseTxOutputs),
				"coinbase_tx_locktime": n.CoinbaseTxLockTime, "merkle_path": path,
			}
		}},
		"NewTemplate (3 outputs)": {TypeNewTemplate, nil},
		"TDP SetNewPrevHash": {TypeSetNewTemplatePrevHash, func(m Message) map[string]any {
			s := m.(*SetNewTemplatePrevHash)
			return map[string]any{
				"template_id": s.TemplateID, "header_timestamp": s.HeaderTimestamp,
				"nbits": uint32(s.Bits), "target_le": hex.EncodeToString(s.Target[:]),
			}
		}},
		"NewMiningJob whole plaintext frame (channel_msg bit set)": {TypeNewMiningJob, func(m Message) map[string]any {
			n := m.(*NewMiningJob)
			le := func(v uint32) string { return hex.EncodeToString(binary.LittleEndian.AppendUint32(nil, v)) }
			return map[string]any{
				"channel_id_le": le(n.ChannelID), "job_id_le": le(n.JobID), "min_ntime_option": "01|" + le(n.MinNTime),
				"version_le": le(n.Version), "merkle_root": hex.EncodeToString(n.MerkleRoot[:]),
				"extension_type": channelBit, "msg_type": n.Type(),
			}
		}},
		"PushSolution whole plaintext frame (channel_msg bit CLEAR)": {TypePushSolution, func(m Message) map[string]any {
			p := m.(*PushSolution)
			return map[string]any{
				"extranonce": hex.EncodeToString(p.Extranonce), "prev_hash": hex.EncodeToString(p.PrevHash[:]), "nonce": p.Nonce,
				"ntime": p.NTime, "nbits": uint32(p.Bits), "version": p.Version,
			}
		}},
	}
	for _, v := range vectors().Messages {
		test, ok := tests[v.Name]
		if !ok {
			continue
		}
		delete(tests, v.Name)
		frame := []byte(v.Frame)
		if frame == nil {
			frame = frameOf(0, test.typ.MsgType(), v.Payload)
		}
		m, err := Parse(frame)
		if err != nil || m.Type() != test.typ {
			t.Errorf("%s: %v, %v", v.Name, m, err)
			continue
		}
		if got := mustAppend(t, m); !bytes.Equal(got, frame) {
			t.Errorf("%s: written as %x, want %x", v.Name, got, frame)
		}
		if test.fields == nil {
			continue
		}
		got, err := json.Marshal(test.fields(m))
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(v.Fields)
		if err != nil {
			t.Fatal(err)
		}
		if !sameJSON(t, got, want) {
			t.Errorf("%s:\n%s, want\n%s", v.Name, got, want)
		}
	}
	for name := range tests {
		t.Errorf("there is no vector %q", name)
	}
}

// sameJSON reports whether two objects have the same members, numbers compared
// by their digits.
func sameJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y map[string]any
	for _, p := range []struct {
		b []byte
		v *map[string]any
	}{{a, &x}, {b, &y}} {
		if err := json.Unmarshal(p.b, p.v); err != nil {
			t.Fatal(err)
		}
	}
	ax, _ := json.Marshal(x)
	by, _ := json.Marshal(y)
	return bytes.Equal(ax, by)
}

// C1: headers.
func TestC1Headers(t *testing.T) {
	h := parseHeader(vector(t, "frame header SetupConnection len 82").Header)
	if want := (header{TypeSetupConnection, false, 82}); h != want {
		t.Errorf("%+v, want %+v", h, want)
	}
	v := vector(t, "frame header parse")
	h = parseHeader(v.Header)
	got := map[string]float64{"extension_type": float64(h.typ.Extension()), "msg_type": float64(h.typ.MsgType()), "msg_length": float64(h.length)}
	for field, want := range v.Fields {
		if want != got[field] {
			t.Errorf("%s is %v, want %v", field, got[field], want)
		}
	}
}
