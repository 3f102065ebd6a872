package load

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A poller waits for many sockets at once.
type poller struct {
	fd     int
	events [512]unix.EpollEvent
}

// readiness is what a socket is ready for.
type readiness struct {
	id                int
	readable, written bool
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	return &poller{fd: fd}, nil
}

// watch says for what of a socket to wait. The socket is new to the poller when add is set.
func (p *poller) watch(fd, id int, add, read, write bool) error {
	event := unix.EpollEvent{Fd: int32(id)}
	if read {
		event.Events |= unix.EPOLLIN | unix.EPOLLRDHUP
	}
	if write {
		event.Events |= unix.EPOLLOUT
	}
	change := unix.EPOLL_CTL_MOD
	if add {
		change = unix.EPOLL_CTL_ADD
	}
	if err := unix.EpollCtl(p.fd, change, fd, &event); err != nil {
		return fmt.Errorf("watch a socket: %w", err)
	}
	return nil
}

// wait appends the sockets that are ready within the time to ready.
func (p *poller) wait(ready []readiness, timeout time.Duration) ([]readiness, error) {
	spec := unix.NsecToTimespec(int64(max(timeout, 0)))
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)),
		uintptr(unsafe.Pointer(&spec)), 0, 0)
	count := int(n)
	if errno == unix.ENOSYS { // before Linux 5.11: to whole milliseconds
		var err error
		if count, err = unix.EpollWait(p.fd, p.events[:], int((timeout+time.Millisecond-1)/time.Millisecond)); err != nil {
			errno, _ = err.(syscall.Errno)
		} else {
			errno = 0
		}
	}
	if errno == unix.EINTR {
		return ready, nil
	}
	if errno != 0 {
		return ready, fmt.Errorf("wait for sockets: %w", errno)
	}
	for _, e := range p.events[:count] {
		ready = append(ready, readiness{
			id:       int(e.Fd),
			readable: e.Events&(unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0,
			written:  e.Events&unix.EPOLLOUT != 0,
		})
	}
	return ready, nil
}

func (p *poller) close() { _ = unix.Close(p.fd) }

// dialSocket begins to connect, without waiting. receiveBytes, if not 0, is the size of the receive buffer.
func dialSocket(to netip.AddrPort, receiveBytes int) (fd int, err error) {
	family := unix.AF_INET
	var address unix.Sockaddr = &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().Unmap().As4()}
	if !to.Addr().Unmap().Is4() {
		family, address = unix.AF_INET6, &unix.SockaddrInet6{Port: int(to.Port()), Addr: to.Addr().As16()}
	}
	fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("make a socket: %w", err)
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err == nil && receiveBytes > 0 {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBytes)
	}
	if err == nil {
		err = unix.Connect(fd, address)
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		closeSocket(fd)
		return -1, fmt.Errorf("connect: %w", err)
	}
	return fd, nil
}

// connected returns whether a connection that was begun has come about.
func connected(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = syscall.Errno(code)
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}

// errBusy says that a socket is not ready.
var errBusy = errors.New("the socket is not ready")

func readSocket(fd int, b []byte) (int, error)  { return transfer(unix.Read, fd, b) }
func writeSocket(fd int, b []byte) (int, error) { return transfer(unix.Write, fd, b) }

func transfer(do func(int, []byte) (int, error), fd int, b []byte) (int, error) {
	for {
		n, err := do(fd, b)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, errBusy
		default:
			return 0, os.NewSyscallError("socket", err)
		}
	}
}

func closeSocket(fd int) { _ = unix.Close(fd) }

// RaiseFileLimit lets this process, and those it starts, have as many open files as the system allows, and returns how
// many those are.
func RaiseFileLimit() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("raise the limit of open files: %w", err)
	}
	return limit.Cur, nil
}
