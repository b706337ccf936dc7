package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// guide is what somebody sees who types the program's name alone, on a terminal.
const guide = `gominer mines Bitcoin. Ways to begin:

  gominer demo                                     see it work, no set-up
  gominer mine -o HOST:PORT -u ADDRESS.worker      mine on a pool
  gominer mine -o http://127.0.0.1:8332 \
    --cookie-file ~/.bitcoin/.cookie \
    --coinbase-address ADDRESS                     mine on your own node
  gominer config init                              answer a few questions; from
                                                   then on: gominer mine
  gominer devices, gominer bench                   what this machine can do
  gominer --help                                   everything

`

// welcome shows the guide, and offers the demonstration to those who have not set
// anything up.
func (p *process) welcome(cmd *cobra.Command) error {
	text := guide
	path := p.findConfig()
	if path != "" {
		text += "gominer mine mines as " + escape(path) + " says.\n"
	} else {
		text += "Run the demo now? [Y/n] "
	}
	if _, err := fmt.Fprint(p.stdout, text); err != nil || path != "" {
		return err
	}
	answer, err := p.readAnswer(cmd.Context())
	if err != nil {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "", "y", "yes":
	default:
		return nil
	}
	demo := *p
	demo.args = []string{"demo"}
	return newRoot(&demo).ExecuteContext(cmd.Context())
}

// readAnswer reads a line; an end without one is "no".
func (p *process) readAnswer(ctx context.Context) (string, error) {
	answers := make(chan string, 1)
	go func() {
		line, err := bufio.NewReader(p.stdin).ReadString('\n')
		if err != nil && line == "" {
			line = "no"
		}
		answers <- line
	}()
	select {
	case line := <-answers:
		return line, nil
	case <-ctx.Done():
		fmt.Fprintln(p.stdout)
		return "", context.Cause(ctx)
	}
}
