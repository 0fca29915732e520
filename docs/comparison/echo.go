// Sends each line that a client says to all clients; README.md has the rules.
package main

import (
	"bytes"
	"log"
	"net"
	"os"
	"sync"
	"sync/atomic"
)

const (
	lineBytesMax   = 64 * 1024
	unsentBytesMax = 1024 * 1024
	chunksMax      = 4096
)

type client struct {
	conn        net.Conn
	unsent      chan []byte
	unsentBytes atomic.Int64
}

type room struct {
	sync.Mutex
	clients map[*client]struct{}
}

// say hands lines to every client. The lock makes one order for all.
func (r *room) say(lines []byte) {
	r.Lock()
	defer r.Unlock()
	for c := range r.clients {
		if c.unsentBytes.Add(int64(len(lines))) > unsentBytesMax {
			c.conn.Close()
			continue
		}
		select {
		case c.unsent <- lines:
		default:
			c.conn.Close()
		}
	}
}

func (c *client) write() {
	for lines := range c.unsent {
		if _, err := c.conn.Write(lines); err != nil {
			c.conn.Close()
		}
		c.unsentBytes.Add(-int64(len(lines)))
	}
}

func (r *room) serve(c *client) {
	go c.write()
	r.Lock()
	r.clients[c] = struct{}{}
	r.Unlock()
	buffer, have := make([]byte, lineBytesMax), 0
	for have < len(buffer) {
		count, err := c.conn.Read(buffer[have:])
		if err != nil {
			break
		}
		have += count
		if whole := bytes.LastIndexByte(buffer[:have], '\n') + 1; whole > 0 {
			r.say(append([]byte(nil), buffer[:whole]...))
			have = copy(buffer, buffer[whole:have])
		}
	}
	r.Lock()
	delete(r.clients, c)
	r.Unlock()
	close(c.unsent)
	c.conn.Close()
}

func main() {
	port := "9000"
	if len(os.Args) > 1 {
		port = os.Args[1]
	}
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		log.Fatal(err)
	}
	r := &room{clients: map[*client]struct{}{}}
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go r.serve(&client{conn: conn, unsent: make(chan []byte, chunksMax)})
	}
}
