package main

import "net"

// attack calls out: to the machine's own network, and to the world.
func attack() {
	for _, address := range []string{listener, "192.0.2.1:80"} {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			harm("reached %s", address)
		}
		refused("calling "+address, err)
	}
}
