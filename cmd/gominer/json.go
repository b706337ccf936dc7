package main

import "gominer/internal/jsonline"

// writeJSON writes v to stdout, for people and programs.
func (p *process) writeJSON(v any) error {
	b, err := jsonline.AppendIndented(nil, v)
	return p.writeLine(b, err)
}

// writeJSONLine writes v to stdout as one line.
func (p *process) writeJSONLine(v any) error {
	b, err := jsonline.Append(nil, v)
	return p.writeLine(b, err)
}

func (p *process) writeLine(b []byte, err error) error {
	if err != nil {
		return err
	}
	_, err = p.stdout.Write(append(b, '\n'))
	return err
}
