package v2

import "fmt"

// Type says which message a frame holds: the extension that defined it in the
// upper bits, the number among that extension's messages in the lower eight.
type Type uint32

func typeOf(extension uint16, msgType uint8) Type {
	return Type(extension)<<8 | Type(msgType)
}

// Extension returns the extension that defined the message, 0 for the protocol
// itself.
func (t Type) Extension() uint16 { return uint16(t >> 8) }

// MsgType returns the number of the message in its extension.
func (t Type) MsgType() uint8 { return uint8(t) }

// String returns the specification's name of the message.
func (t Type) String() string {
	if k, ok := kinds[t]; ok {
		return k.name
	}
	if t.Extension() == 0 {
		return fmt.Sprintf("unknown message %#02x", t.MsgType())
	}
	return fmt.Sprintf("unknown message %#02x of extension %#04x", t.MsgType(), t.Extension())
}

// The messages, by §8 and the extensions' own lists.
const (
	TypeSetupConnection        Type = 0x00
	TypeSetupConnectionSuccess Type = 0x01
	TypeSetupConnectionError   Type = 0x02
	TypeChannelEndpointChanged Type = 0x03
	TypeReconnect              Type = 0x04

	TypeOpenStandardMiningChannel        Type = 0x10
	TypeOpenStandardMiningChannelSuccess Type = 0x11
	TypeOpenMiningChannelError           Type = 0x12
	TypeOpenExtendedMiningChannel        Type = 0x13
	TypeOpenExtendedMiningChannelSuccess Type = 0x14
	TypeNewMiningJob                     Type = 0x15
	TypeUpdateChannel                    Type = 0x16
	TypeUpdateChannelError               Type = 0x17
	TypeCloseChannel                     Type = 0x18
	TypeSetExtranoncePrefix              Type = 0x19
	TypeSubmitSharesStandard             Type = 0x1a
	TypeSubmitSharesExtended             Type = 0x1b
	TypeSubmitSharesSuccess              Type = 0x1c
	TypeSubmitSharesError                Type = 0x1d
	TypeNewExtendedMiningJob             Type = 0x1f
	TypeSetNewPrevHash                   Type = 0x20
	TypeSetTarget                        Type = 0x21
	TypeSetCustomMiningJob               Type = 0x22
	TypeSetCustomMiningJobSuccess        Type = 0x23
	TypeSetCustomMiningJobError          Type = 0x24
	TypeSetGroupChannel                  Type = 0x25

	TypeAllocateMiningJobToken            Type = 0x50
	TypeAllocateMiningJobTokenSuccess     Type = 0x51
	TypeProvideMissingTransactions        Type = 0x55
	TypeProvideMissingTransactionsSuccess Type = 0x56
	TypeDeclareMiningJob                  Type = 0x57
	TypeDeclareMiningJobSuccess           Type = 0x58
	TypeDeclareMiningJobError             Type = 0x59
	TypePushSolution                      Type = 0x60

	TypeCoinbaseOutputConstraints     Type = 0x70
	TypeNewTemplate                   Type = 0x71
	TypeSetNewTemplatePrevHash        Type = 0x72
	TypeRequestTransactionData        Type = 0x73
	TypeRequestTransactionDataSuccess Type = 0x74
	TypeRequestTransactionDataError   Type = 0x75
	TypeSubmitSolution                Type = 0x76

	TypeRequestExtensions        = Type(ExtensionsNegotiation) << 8
	TypeRequestExtensionsSuccess = Type(ExtensionsNegotiation)<<8 | 0x01
	TypeRequestExtensionsError   = Type(ExtensionsNegotiation)<<8 | 0x02
)

// kind is what this package knows of a type.
type kind struct {
	name    string
	channel bool // the channel bit is set when the message is sent
	empty   func() Message
	max     int // bytes of the longest payload, filled in by measured
}

// kinds has every message of the specification.
var kinds = measured(map[Type]kind{
	TypeSetupConnection:        {name: "SetupConnection", empty: empty[SetupConnection]},
	TypeSetupConnectionSuccess: {name: "SetupConnection.Success", empty: empty[SetupConnectionSuccess]},
	TypeSetupConnectionError:   {name: "SetupConnection.Error", empty: empty[SetupConnectionError]},
	TypeChannelEndpointChanged: {name: "ChannelEndpointChanged", channel: true, empty: empty[ChannelEndpointChanged]},
	TypeReconnect:              {name: "Reconnect", empty: empty[Reconnect]},

	TypeOpenStandardMiningChannel:        {name: "OpenStandardMiningChannel", empty: empty[OpenStandardMiningChannel]},
	TypeOpenStandardMiningChannelSuccess: {name: "OpenStandardMiningChannel.Success", empty: empty[OpenStandardMiningChannelSuccess]},
	TypeOpenMiningChannelError:           {name: "OpenMiningChannel.Error", empty: empty[OpenMiningChannelError]},
	TypeOpenExtendedMiningChannel:        {name: "OpenExtendedMiningChannel", empty: empty[OpenExtendedMiningChannel]},
	TypeOpenExtendedMiningChannelSuccess: {name: "OpenExtendedMiningChannel.Success", empty: empty[OpenExtendedMiningChannelSuccess]},
	TypeNewMiningJob:                     {name: "NewMiningJob", channel: true, empty: empty[NewMiningJob]},
	TypeUpdateChannel:                    {name: "UpdateChannel", channel: true, empty: empty[UpdateChannel]},
	TypeUpdateChannelError:               {name: "UpdateChannel.Error", channel: true, empty: empty[UpdateChannelError]},
	TypeCloseChannel:                     {name: "CloseChannel", channel: true, empty: empty[CloseChannel]},
	TypeSetExtranoncePrefix:              {name: "SetExtranoncePrefix", channel: true, empty: empty[SetExtranoncePrefix]},
	TypeSubmitSharesStandard:             {name: "SubmitSharesStandard", channel: true, empty: empty[SubmitSharesStandard]},
	TypeSubmitSharesExtended:             {name: "SubmitSharesExtended", channel: true, empty: empty[SubmitSharesExtended]},
	TypeSubmitSharesSuccess:              {name: "SubmitShares.Success", channel: true, empty: empty[SubmitSharesSuccess]},
	TypeSubmitSharesError:                {name: "SubmitShares.Error", channel: true, empty: empty[SubmitSharesError]},
	TypeNewExtendedMiningJob:             {name: "NewExtendedMiningJob", channel: true, empty: empty[NewExtendedMiningJob]},
	TypeSetNewPrevHash:                   {name: "SetNewPrevHash", channel: true, empty: empty[SetNewPrevHash]},
	TypeSetTarget:                        {name: "SetTarget", channel: true, empty: empty[SetTarget]},
	TypeSetCustomMiningJob:               {name: "SetCustomMiningJob", channel: true, empty: empty[SetCustomMiningJob]},
	TypeSetCustomMiningJobSuccess:        {name: "SetCustomMiningJob.Success", channel: true, empty: empty[SetCustomMiningJobSuccess]},
	TypeSetCustomMiningJobError:          {name: "SetCustomMiningJob.Error", channel: true, empty: empty[SetCustomMiningJobError]},
	TypeSetGroupChannel:                  {name: "SetGroupChannel", empty: empty[SetGroupChannel]},

	TypeAllocateMiningJobToken:            {name: "AllocateMiningJobToken", empty: empty[AllocateMiningJobToken]},
	TypeAllocateMiningJobTokenSuccess:     {name: "AllocateMiningJobToken.Success", empty: empty[AllocateMiningJobTokenSuccess]},
	TypeProvideMissingTransactions:        {name: "ProvideMissingTransactions", empty: empty[ProvideMissingTransactions]},
	TypeProvideMissingTransactionsSuccess: {name: "ProvideMissingTransactions.Success", empty: empty[ProvideMissingTransactionsSuccess]},
	TypeDeclareMiningJob:                  {name: "DeclareMiningJob", empty: empty[DeclareMiningJob]},
	TypeDeclareMiningJobSuccess:           {name: "DeclareMiningJob.Success", empty: empty[DeclareMiningJobSuccess]},
	TypeDeclareMiningJobError:             {name: "DeclareMiningJob.Error", empty: empty[DeclareMiningJobError]},
	TypePushSolution:                      {name: "PushSolution", empty: empty[PushSolution]},

	TypeCoinbaseOutputConstraints:     {name: "CoinbaseOutputConstraints", empty: empty[CoinbaseOutputConstraints]},
	TypeNewTemplate:                   {name: "NewTemplate", empty: empty[NewTemplate]},
	TypeSetNewTemplatePrevHash:        {name: "SetNewPrevHash of a template", empty: empty[SetNewTemplatePrevHash]},
	TypeRequestTransactionData:        {name: "RequestTransactionData", empty: empty[RequestTransactionData]},
	TypeRequestTransactionDataSuccess: {name: "RequestTransactionData.Success", empty: empty[RequestTransactionDataSuccess]},
	TypeRequestTransactionDataError:   {name: "RequestTransactionData.Error", empty: empty[RequestTransactionDataError]},
	TypeSubmitSolution:                {name: "SubmitSolution", empty: empty[SubmitSolution]},

	TypeRequestExtensions:        {name: "RequestExtensions", empty: empty[RequestExtensions]},
	TypeRequestExtensionsSuccess: {name: "RequestExtensions.Success", empty: empty[RequestExtensionsSuccess]},
	TypeRequestExtensionsError:   {name: "RequestExtensions.Error", empty: empty[RequestExtensionsError]},
})

// empty returns a new T as a Message.
func empty[T any, P interface {
	*T
	Message
}]() Message {
	return P(new(T))
}

// measured fills in how long each message can be, from its own layout.
func measured(kinds map[Type]kind) map[Type]kind {
	for t, k := range kinds {
		c := coder{op: measuring, typ: t}
		k.empty().fields(&c)
		k.max = min(c.size, MaxPayload)
		kinds[t] = k
	}
	return kinds
}
