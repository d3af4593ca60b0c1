//go:build unix

package main

import (
	"net"
	"os"
	"syscall"
)

// acceptNow accepts without waiting: net's sockets are non-blocking.
func acceptNow(fd uintptr) net.Conn {
	for {
		socket, _, err := syscall.Accept(int(fd))
		if err == syscall.EINTR || err == syscall.ECONNABORTED {
			continue // this one is gone, the next may not be
		}
		if err != nil {
			return nil
		}
		file := os.NewFile(uintptr(socket), "accepted")
		conn, err := net.FileConn(file)
		_ = file.Close() // conn has a copy
		if err == nil {
			return conn
		}
	}
}
