// Package configfile reads a configuration file: TOML 1.0, as a tree whose every
// key and value knows its line. It checks the form alone; which keys there are,
// and what their values mean, is the caller's.
package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// Kind is what a Value is.
type Kind int

// The kinds.
const (
	Text  Kind = iota // a string
	Plain             // a number or a truth value, as it was written but for underscores
	List
	Table
)

// Value is a value of the file.
type Value struct {
	Kind  Kind
	Line  int      // where it begins, from 1 on
	Text  string   // of Text and Plain
	Items []*Value // of List
	Keys  []*Key   // of Table, in the order of the file
}

// Key is a key of a table with its value.
type Key struct {
	Name  string
	Line  int // from 1 on
	Value *Value
}

// Lookup returns the value of a table's key, nil if there is none.
func (v *Value) Lookup(name string) *Value {
	for _, k := range v.Keys {
		if k.Name == name {
			return k.Value
		}
	}
	return nil
}

// Error is a mistake in a file.
type Error struct {
	Line int
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Text) }

const (
	mostBytes = 256 << 10 // of a file
	mostDepth = 16        // of tables and lists in each other
)

// Read reads the file at path.
func Read(path string) (*Value, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostBytes+1))
	if err != nil {
		return nil, err
	}
	return Parse(data)
}

// Parse returns the table that data holds. An error about its content is an
// *Error.
func Parse(data []byte) (*Value, error) {
	if len(data) > mostBytes {
		return nil, fmt.Errorf("it has more than %d bytes: is it a configuration?", mostBytes)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // some editors begin files with it
	if line, deep := tooDeep(data); deep {
		return nil, &Error{line, fmt.Sprintf("lists or tables stand more than %d deep in each other", mostDepth)}
	}
	// What TOML forbids of keys, such as to define one twice, its decoder knows.
	var all map[string]any
	if err := toml.Unmarshal(data, &all); err != nil {
		return nil, mistake(err)
	}
	r := reader{root: &Value{Kind: Table, Line: 1}, data: data, line: 1}
	r.table = r.root
	r.parser.Reset(data)
	for r.parser.NextExpression() {
		if err := r.expression(r.parser.Expression()); err != nil {
			return nil, err
		}
	}
	if err := r.parser.Error(); err != nil {
		return nil, mistake(err)
	}
	return r.root, nil
}

// tooDeep reports the line where brackets stand too deep. It counts those in
// strings and comments too, where nobody has as many.
func tooDeep(data []byte) (line int, deep bool) {
	line = 1
	depth := 0
	for _, c := range data {
		switch c {
		case '\n':
			line++
		case '[', '{':
			if depth++; depth > mostDepth {
				return line, true
			}
		case ']', '}':
			depth = max(0, depth-1)
		}
	}
	return 0, false
}

// mistake returns the error of the TOML library with its line.
func mistake(err error) error {
	var bad *toml.DecodeError
	if !errors.As(err, &bad) {
		return err
	}
	line, _ := bad.Position()
	text := strings.TrimPrefix(bad.Error(), "toml: ")
	if strings.HasSuffix(text, "at start of value") {
		text += ": a text stands in quotes"
	}
	return &Error{line, text}
}

// reader builds the tree.
type reader struct {
	parser unstable.Parser
	data   []byte
	root   *Value
	table  *Value // what keys go into
	line   int    // of the latest node that has a place
	offset int    // of that node
}

func (r *reader) expression(n *unstable.Node) error {
	switch n.Kind {
	case unstable.Table, unstable.ArrayTable:
		keys, lines := r.path(n)
		if len(keys) > mostDepth {
			return &Error{r.line, fmt.Sprintf("the table stands %d deep: at most %d", len(keys), mostDepth)}
		}
		last := len(keys) - 1
		at := r.descend(r.root, keys[:last], lines)
		if n.Kind == unstable.Table {
			r.table = r.descend(at, keys[last:], lines[last:])
			return nil
		}
		list := at.Lookup(keys[last])
		if list == nil {
			list = &Value{Kind: List, Line: lines[last]}
			at.Keys = append(at.Keys, &Key{keys[last], lines[last], list})
		}
		r.table = &Value{Kind: Table, Line: lines[last]}
		list.Items = append(list.Items, r.table)
	case unstable.KeyValue:
		return r.keyValue(r.table, n, 0)
	}
	return nil
}

// keyValue adds a key, which may be dotted, to a table.
func (r *reader) keyValue(to *Value, n *unstable.Node, depth int) error {
	keys, lines := r.path(n)
	if depth += len(keys); depth > mostDepth {
		return &Error{r.line, fmt.Sprintf("the key stands %d deep: at most %d", depth, mostDepth)}
	}
	last := len(keys) - 1
	v, err := r.value(n.Value(), depth)
	if err != nil {
		return err
	}
	to = r.descend(to, keys[:last], lines)
	to.Keys = append(to.Keys, &Key{keys[last], lines[last], v})
	return nil
}

// path returns the parts of a node's key.
func (r *reader) path(n *unstable.Node) (keys []string, lines []int) {
	for it := n.Key(); it.Next(); {
		keys = append(keys, string(it.Node().Data))
		lines = append(lines, r.place(it.Node()))
	}
	return keys, lines
}

// descend returns the table that keys lead to from v, made where there is none.
// Through a list it is the last table in it.
func (r *reader) descend(v *Value, keys []string, lines []int) *Value {
	for i, name := range keys {
		next := v.Lookup(name)
		if next == nil {
			next = &Value{Kind: Table, Line: lines[i]}
			v.Keys = append(v.Keys, &Key{name, lines[i], next})
		}
		if next.Kind == List && len(next.Items) > 0 {
			next = next.Items[len(next.Items)-1]
		}
		v = next
	}
	return v
}

// place returns a node's line. Those without a place of their own are where the
// one before was.
func (r *reader) place(n *unstable.Node) int {
	if offset := int(n.Raw.Offset); n.Raw.Length > 0 && offset >= r.offset {
		r.line += bytes.Count(r.data[r.offset:offset], []byte("\n"))
		r.offset = offset
	}
	return r.line
}

func (r *reader) value(n *unstable.Node, depth int) (*Value, error) {
	v := &Value{Line: r.place(n)}
	switch n.Kind {
	case unstable.String:
		v.Kind, v.Text = Text, string(n.Data)
	case unstable.Bool, unstable.Integer, unstable.Float:
		v.Kind, v.Text = Plain, strings.ReplaceAll(string(n.Data), "_", "")
	case unstable.Array:
		v.Kind = List
		for it := n.Children(); it.Next(); {
			item, err := r.value(it.Node(), depth+1)
			if err != nil {
				return nil, err
			}
			v.Items = append(v.Items, item)
		}
	case unstable.InlineTable:
		v.Kind = Table
		for it := n.Children(); it.Next(); {
			if err := r.keyValue(v, it.Node(), depth); err != nil {
				return nil, err
			}
		}
	default:
		return nil, &Error{v.Line, "a date or time: put it in quotes if it is meant as a text"}
	}
	return v, nil
}

// Strings returns the texts of a scalar, or of a list of scalars.
func (v *Value) Strings() ([]string, error) {
	switch v.Kind {
	case Text, Plain:
		return []string{v.Text}, nil
	case Table:
		return nil, &Error{v.Line, "it is a table, want a value"}
	}
	if i := slices.IndexFunc(v.Items, func(item *Value) bool { return item.Kind > Plain }); i >= 0 {
		return nil, &Error{v.Items[i].Line, "want a list of texts or numbers, without lists or tables in it"}
	}
	texts := make([]string, len(v.Items))
	for i, item := range v.Items {
		texts[i] = item.Text
	}
	return texts, nil
}
