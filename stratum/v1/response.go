package v1

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
)

// Response is the answer to a request. What its Result means depends on what
// was asked: Accepted, Subscribe, Configure, Transactions and Text read it.
type Response struct {
	ID     ID
	Result json.RawMessage // nil for null
	Error  *Error          // nil for null
	Form   ErrorForm       // how Error is written
}

// ErrorForm is the dialect in which a server writes its errors.
type ErrorForm int

// The forms. What is read in none of them, such as a bare number, counts as text.
const (
	ErrorList   ErrorForm = iota // [code, message, traceback]
	ErrorObject                  // {"code": code, "message": message}
	ErrorText                    // "message"
	ErrorReason                  // null, with "reject-reason": "message" beside it
)

// Error codes of Stratum V1, and that of JSON-RPC in the way of its first
// servers.
const (
	CodeOther          = 20
	CodeJobNotFound    = 21 // the share is stale
	CodeDuplicate      = 22
	CodeLowDifficulty  = 23
	CodeUnauthorized   = 24
	CodeNotSubscribed  = 25
	CodeMethodNotFound = -3
)

// Error is a refusal. Code and Message are what the peer sent: to show the
// message, use CleanText or Error.
type Error struct {
	Code    int    // 0 if the peer gave none
	Message string // empty if the peer gave none
}

func (e *Error) Error() string {
	msg := CleanText(e.Message, 256)
	switch {
	case msg == "" && e.Code == 0:
		return "refused without a reason"
	case msg == "":
		return fmt.Sprintf("refused with code %d", e.Code)
	case e.Code == 0:
		return msg
	}
	return fmt.Sprintf("%s (code %d)", msg, e.Code)
}

// Accept returns the answer true.
func Accept(id ID) *Response { return &Response{ID: id, Result: json.RawMessage("true")} }

// Refuse returns an error as the answer, in the usual form [code, message, null].
func Refuse(id ID, code int, message string) *Response {
	return &Response{ID: id, Error: &Error{Code: code, Message: message}}
}

// TextResponse returns a string as the answer, as Ping and GetVersion want it.
func TextResponse(id ID, text string) *Response {
	return &Response{ID: id, Result: appendString(nil, text)}
}

// TransactionsResponse returns the answer to GetTransactions: the serialized
// transactions of the job but for the coinbase.
func TransactionsResponse(id ID, txs [][]byte) *Response {
	l := jsonList{b: []byte{'['}}
	for _, tx := range txs {
		l.b = appendHex(l.item(), tx)
	}
	return &Response{ID: id, Result: append(l.b, ']')}
}

// Method returns "": an answer has none.
func (*Response) Method() string { return "" }

func (r *Response) ident() ID { return r.ID }

func (r *Response) append(b []byte) ([]byte, error) {
	b = append(appendOpen(b, r.ID), `"result":`...)
	if r.Result == nil {
		b = append(b, "null"...)
	} else {
		var err error
		if b, err = appendRaw(b, r.Result); err != nil {
			return b, fmt.Errorf("result: %w", err)
		}
	}
	return append(r.appendError(append(b, `,"error":`...)), '}'), nil
}

func (r *Response) appendError(b []byte) []byte {
	e := r.Error
	switch {
	case e == nil:
		return append(b, "null"...)
	case r.Form == ErrorObject:
		b = strconv.AppendInt(append(b, `{"code":`...), int64(e.Code), 10)
		return append(appendString(append(b, `,"message":`...), e.Message), '}')
	case r.Form == ErrorText:
		return appendString(b, e.Message)
	case r.Form == ErrorReason:
		return appendString(append(b, `null,"reject-reason":`...), e.Message)
	}
	b = strconv.AppendInt(append(b, '['), int64(e.Code), 10)
	b = appendString(append(b, ','), e.Message)
	return append(b, ",null]"...)
}

// Accepted reads the answer true, of Submit, Authorize and the like. The error is
// the server's *Error, for a bare false too, or a *FieldError if the result is
// something else.
func (r *Response) Accepted() error {
	p, result, err := r.reader("answer", Limits{})
	if err != nil {
		return err
	}
	p.bool("result", result)
	return p.err
}

// Text reads an answer that is a string, of Ping and GetVersion. The error is
// the server's *Error or a *FieldError.
func (r *Response) Text() (string, error) {
	p, result, err := r.reader("answer", Limits{})
	if err != nil {
		return "", err
	}
	s := p.string("result", result)
	return s, p.err
}

// mostTransactions is more than a block has room for: one has 60 bytes at least.
const mostTransactions = 1 << 16

// Transactions reads the answer to GetTransactions. The error is the server's
// *Error, a *FieldError or a *LimitError.
func (r *Response) Transactions() ([][]byte, error) {
	p, result, err := r.reader("mining.get_transactions answer", Limits{})
	if err != nil {
		return nil, err
	}
	const field = "transactions"
	var txs [][]byte
	for w := p.array(field, result, "an array of transactions in hex"); w.more() && p.err == nil; {
		if len(txs) == mostTransactions {
			p.over(field, field, mostTransactions)
			break
		}
		txs = append(txs, p.hexAny(field, w.value()))
	}
	if p.err != nil {
		return nil, p.err
	}
	return txs, nil
}

// reader returns the result and params to read it with, or the refusal that
// stands in its place: an error, or a result of null or false.
func (r *Response) reader(method string, l Limits) (*params, []byte, error) {
	l = l.withDefaults()
	p := &params{method: method, id: r.ID, limits: &l}
	result := bytes.TrimSpace(r.Result)
	switch {
	case r.Error != nil:
		return nil, nil, r.Error
	case len(result) == 0 || isNull(result) || string(result) == "false":
		return nil, nil, new(Error)
	case !json.Valid(result):
		p.fail("result", result, "a JSON value")
	}
	return p, result, p.err
}

// response reads the members of an answer.
func (e *envelope) response(p *params, nan bool) (Message, error) {
	p.method = "answer"
	r := &Response{ID: p.readID(e.id)}
	r.Error, r.Form = readError(e.err)
	p.id = r.ID
	switch {
	case e.result == nil && e.err == nil:
		p.failWith("method", "missing", "a method, a result or an error")
	case nan:
		p.failWith("result", "NaN or Infinity", "JSON")
	case e.result != nil && !isNull(e.result):
		r.Result = cloneRaw(e.result)
	}
	if p.err != nil {
		return nil, p.err
	}
	if e.rejectReason != nil && e.rejectReason[0] == '"' && string(e.result) != "true" {
		r.because(string(content(e.rejectReason)))
	}
	return r, nil
}

// because notes the reason of a refusal that ckpool puts beside the error, which
// may be null.
func (r *Response) because(reason string) {
	switch {
	case reason == "":
	case r.Error == nil:
		r.Error, r.Form = &Error{Message: reason}, ErrorReason
	case r.Error.Message == "":
		r.Error.Message = reason
	}
}

// readError reads the member "error": null, [code, message, traceback], an object
// {code, message}, or a string. What says nothing (false, 0, "", [] or {}, as
// some languages write null) is no error; what fits none of these is an error
// whose message is its JSON text, so that no refusal is lost.
func readError(raw []byte) (*Error, ErrorForm) {
	if raw == nil {
		return nil, 0
	}
	var code, message []byte
	var form ErrorForm
	switch raw[0] {
	case '[':
		w := walk(raw)
		if !w.more() {
			return nil, 0
		}
		if code = w.value(); w.more() {
			message = w.value()
		}
	case '{':
		if w := walk(raw); !w.more() {
			return nil, 0
		}
		form = ErrorObject
		code, message = member(raw, "code"), member(raw, "message")
	case '"':
		if message = raw; len(content(raw)) == 0 {
			return nil, 0
		}
		form = ErrorText
	default:
		if s := string(raw); s == "null" || s == "false" || s == "0" {
			return nil, 0
		}
		return &Error{Message: string(raw)}, ErrorText
	}
	return errorOf(raw, code, message), form
}

// errorOf puts an error together from its parts; from all of it, raw, if neither
// part is what it should be.
func errorOf(raw, code, message []byte) *Error {
	e := new(Error)
	said := message != nil && message[0] == '"'
	if said {
		e.Message = string(content(message))
	}
	digits := code
	if code != nil && code[0] == '"' {
		digits = content(code)
	}
	n, err := strconv.ParseInt(string(digits), 10, 32)
	switch {
	case err == nil:
		e.Code = int(n)
	case said:
	case code != nil && code[0] == '"':
		e.Message = string(digits) // ["Job not found"]
	default:
		e.Message = string(raw)
	}
	return e
}
