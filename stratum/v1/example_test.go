package v1_test

import (
	"errors"
	"fmt"
	"io"
	"net"

	"gominer/stratum/v1"
)

// A server reads until the connection ends; a message with a wrong field costs
// no more than that message.
func serve(c *v1.Conn) error {
	for {
		m, err := c.Read()
		var wrong *v1.FieldError
		switch {
		case errors.As(err, &wrong):
			err = c.Write(v1.Refuse(wrong.ID, v1.CodeOther, wrong.Error()))
		case err != nil:
			return err
		default:
			err = answer(c, m)
		}
		if err != nil {
			return err
		}
	}
}

func answer(c *v1.Conn, m v1.Message) error {
	switch m := m.(type) {
	case *v1.Subscribe:
		res := v1.SubscribeResult{Extranonce1: []byte{8, 0, 0, 2}, Extranonce2Size: 4}
		return c.Write(res.Response(m.ID))
	case *v1.Submit:
		return c.Write(v1.Refuse(m.ID, v1.CodeJobNotFound, "job not found"))
	case *v1.Unknown:
		if m.ID.Notification() {
			return nil
		}
		return c.Write(v1.Refuse(m.ID, v1.CodeMethodNotFound, "Method not found"))
	}
	return nil
}

func ExampleConn() {
	near, far := net.Pipe()
	done := make(chan error)
	go func() { done <- serve(v1.NewConn(far, v1.Limits{})) }()

	// The client keeps what it asked, by id.
	asked := map[uint64]v1.Message{
		1: &v1.Subscribe{ID: v1.NumberID(1), Agent: "example/1"},
		2: &v1.Submit{ID: v1.NumberID(2), Worker: "w", JobID: "j", Extranonce2: []byte{0, 0, 0, 1}},
		3: &v1.Unknown{ID: v1.NumberID(3), Name: "mining.submit"},
	}
	c := v1.NewConn(near, v1.Limits{})
	for id := range uint64(len(asked)) {
		if err := c.Write(asked[id+1]); err != nil {
			fmt.Println(err)
			return
		}
		m, err := c.Read()
		if err != nil {
			fmt.Println(err)
			return
		}
		r := m.(*v1.Response)
		n, _ := r.ID.Number()
		switch asked[n].(type) {
		case *v1.Subscribe:
			res, err := r.Subscribe(v1.Limits{})
			if err != nil {
				fmt.Println(err)
				return
			}
			fmt.Printf("extranonce1 %x, %d bytes to roll\n", res.Extranonce1, res.Extranonce2Size)
		default:
			fmt.Println(r.Accepted())
		}
	}
	near.Close()
	fmt.Println(<-done == io.EOF)
	// Output:
	// extranonce1 08000002, 4 bytes to roll
	// job not found (code 21)
	// mining.submit: worker is missing, want a string (code 20)
	// true
}
