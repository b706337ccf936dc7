package stratum

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"gominer/stratum/record"
	"gominer/stratum/v1"
)

// mask takes the passwords of a pool out of what the pool says: it may repeat one
// in the reason for a refusal, say, and that is shown and logged.
type mask struct{ known *strings.Replacer }

// leastSecret is how long a password must be to be looked for, in bytes. Shorter
// ones, such as "x", would be found in everything; package record has the same.
const leastSecret = 6

// public are what examples have for a password, and our own texts too.
var public = []string{"password", "anything"}

func newMask(c *Config) mask {
	users, passes := []string{c.User}, []string{c.Pass}
	for _, w := range c.Workers {
		users, passes = append(users, w.User), append(passes, w.Pass)
	}
	var pairs []string
	for _, p := range passes {
		named := func(user string) bool { return strings.Contains(user, p) } // it is no secret
		if len(p) >= leastSecret && !slices.Contains(public, strings.ToLower(p)) && !slices.ContainsFunc(users, named) {
			pairs = append(pairs, p, record.Masked)
		}
	}
	return mask{strings.NewReplacer(pairs...)}
}

// text returns a text of the pool fit to be shown, with at most most bytes.
func (m mask) text(s string, most int) string {
	return m.known.Replace(v1.CleanText(m.known.Replace(s), most))
}

// err returns an error without passwords in its text.
func (m mask) err(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := m.known.Replace(text)
	if clean == text {
		return err
	}
	return &maskedError{clean, err}
}

type maskedError struct {
	text string
	err  error
}

func (e *maskedError) Error() string { return e.text }
func (e *maskedError) Unwrap() error { return e.err }

// masked is a slog.Handler that takes passwords out of attributes that are text or
// errors.
type masked struct {
	slog.Handler
	mask mask
}

func (h *masked) Handle(ctx context.Context, r slog.Record) error {
	clean := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

func (h *masked) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(h.mask.known.Replace(v.String()))
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			a.Value = slog.AnyValue(h.mask.err(err))
		}
	}
	return a
}

func (h *masked) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.attr(a)
	}
	return &masked{h.Handler.WithAttrs(clean), h.mask}
}

func (h *masked) WithGroup(name string) slog.Handler {
	return &masked{h.Handler.WithGroup(name), h.mask}
}
