package transport

// ParsePin reads a pin and returns it as it is shown.
func ParsePin(s string) (string, error) {
	p, err := parsePin(s)
	return p.String(), err
}
