// Package pgtest runs a PostgreSQL server for tests and for bench: in a
// directory of its own, on a Unix socket and a port of the loopback interface,
// as another user where this one is root. When the process that started it
// ends, however it ends, a watcher stops the server and removes its files.
package pgtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrAbsent says that no PostgreSQL is installed.
var ErrAbsent = errors.New("PostgreSQL is not installed: `apt-get install postgresql` brings it, and so does `.ci/setup`; other systems have packages of that name")

// patience is how long a server may take to start or to stop.
const patience = 60 * time.Second

// User is the role of every server here. It is a superuser without a password.
const User = "weir"

// Server is a PostgreSQL server.
type Server struct {
	Port int

	bin  string
	dir  string // holds the files and the socket
	as   *syscall.Credential
	stop io.Closer // ends the watcher, which ends what is left

	mu      sync.Mutex
	process *process // nil: it does not run
}

// process is one run of the server.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
	mu    sync.Mutex
	log   bytes.Buffer // its last lines
}

// Start makes a server and starts it. Settings are lines of postgresql.conf.
func Start(settings ...string) (*Server, error) {
	bin, err := find()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin}
	if err := s.makeDir(); err != nil {
		return nil, err
	}
	if err := s.watch(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	if err := s.initialize(settings); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for range 5 { // the port that was free may be taken now
		if s.Port, err = freePort(); err != nil {
			break
		}
		if err = s.Restart(); err == nil {
			return s, nil
		}
	}
	return nil, errors.Join(err, s.Close())
}

// Installed says whether there is a PostgreSQL to start: the error is
// ErrAbsent if there is none.
func Installed() error {
	_, err := find()
	return err
}

// find gives the directory of the newest server's programs.
func find() (string, error) {
	versions, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres") // the pattern is right
	newest, best := 0, ""
	for _, path := range versions {
		dir := filepath.Dir(path)
		if n, err := strconv.Atoi(filepath.Base(filepath.Dir(dir))); err == nil && n > newest {
			newest, best = n, dir
		}
	}
	if best != "" {
		return best, nil
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return "", ErrAbsent
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Dir(path), nil
}

// makeDir makes the directory, whose path must be short: that of a socket has
// a hundred bytes.
func (s *Server) makeDir() error {
	if err := s.credential(); err != nil {
		return err
	}
	parent := os.TempDir()
	if len(parent) > 50 || s.as != nil && !open(parent) {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "weir-pg-")
	if err == nil && s.as != nil {
		err = os.Chown(dir, int(s.as.Uid), int(s.as.Gid))
	}
	s.dir = dir
	return err
}

// credential is who runs the server: not root, which it refuses.
func (s *Server) credential() error {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return nil
	}
	return errors.New("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody")
}

// open says whether other users come through a directory and those above it.
func open(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&1 == 0 {
			return false
		}
		if parent := filepath.Dir(dir); parent != dir {
			dir = parent
			continue
		}
		return true
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// initialize makes an empty cluster that trusts whoever reaches it.
func (s *Server) initialize(settings []string) error {
	cmd := exec.Command(filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", User, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	cmd.SysProcAttr, cmd.Dir = s.attributes(), s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	lines := append([]string{"", "listen_addresses = '127.0.0.1'", "unix_socket_directories = '" + s.dir + "'", "fsync = off", "full_page_writes = off",
		"max_connections = 50", "shared_buffers = 64MB", "max_wal_size = 256MB", "log_destination = stderr", "lc_messages = 'C'", "timezone = 'UTC'"}, settings...)
	f, err := os.OpenFile(filepath.Join(s.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	return errors.Join(err, f.Close())
}

// attributes keep Ctrl-C of a terminal away: the watcher sees to the end.
func (s *Server) attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: s.as, Setsid: true}
}

// watch starts a process that waits for the end of this one, then stops the
// server and removes the directory.
func (s *Server) watch() error {
	const script = `cat > /dev/null
pid=$(head -n 1 "$1/data/postmaster.pid" 2> /dev/null) && kill -QUIT "$pid" 2> /dev/null
while [ -n "$pid" ] && kill -0 "$pid" 2> /dev/null; do sleep 0.05; done
rm -rf "$1"`
	cmd := exec.Command("/bin/sh", "-c", script, "weir-pg-watch", s.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("watcher of PostgreSQL: %w", err)
	}
	s.stop = closer{in, cmd}
	return nil
}

// closer ends the watcher.
type closer struct {
	in  io.Closer
	cmd *exec.Cmd
}

func (c closer) Close() error { return errors.Join(c.in.Close(), c.cmd.Wait()) }

// Restart starts the server; one that runs is ended before as by a crash.
func (s *Server) Restart() error {
	s.Kill(syscall.SIGQUIT)
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		var retry bool
		if retry, err = s.start(); !retry {
			return err
		}
	}
	return err
}

// start runs the server once. One that was killed leaves processes that end a
// little later, and until then keep its files from another start.
func (s *Server) start() (retry bool, err error) {
	p := &process{ended: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(s.bin, "postgres"), "-D", s.data(), "-p", strconv.Itoa(s.Port))
	p.cmd.SysProcAttr, p.cmd.Dir = s.attributes(), s.dir
	p.cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		return false, fmt.Errorf("postgres: %w", err)
	}
	ready := make(chan struct{})
	go func() { // Kill and start wait for its end
		defer close(p.ended)
		p.follow(out, ready)
		_ = p.cmd.Wait() // how it ended, its log tells
	}()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ready:
		s.mu.Lock()
		s.process = p
		s.mu.Unlock()
		return false, nil
	case <-p.ended:
		text := p.output()
		return strings.Contains(text, "still in use") || strings.Contains(text, "is another postmaster"), fmt.Errorf("postgres does not start:\n%s", text)
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		return false, fmt.Errorf("postgres does not become ready:\n%s", p.output())
	}
}

// follow reads the server's log, and says when it takes connections.
func (p *process) follow(out io.Reader, ready chan<- struct{}) {
	const keep = 64 << 10 // bytes of the log
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadString('\n')
		p.mu.Lock()
		if p.log.Len() > keep {
			p.log.Reset()
		}
		p.log.WriteString(line)
		p.mu.Unlock()
		if ready != nil && strings.Contains(line, "database system is ready to accept connections") {
			close(ready)
			ready = nil
		}
		if err != nil {
			return
		}
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// Kill ends the server by a signal: SIGKILL as kill -9 does, SIGQUIT as a
// crash that all its processes see, SIGINT in order. It may be gone already.
func (s *Server) Kill(signal syscall.Signal) {
	s.mu.Lock()
	p := s.process
	s.process = nil
	s.mu.Unlock()
	if p == nil {
		return
	}
	_ = p.cmd.Process.Signal(signal)
	<-p.ended
}

// Log gives the last lines that the server has logged.
func (s *Server) Log() string {
	s.mu.Lock()
	p := s.process
	s.mu.Unlock()
	if p == nil {
		return ""
	}
	return p.output()
}

// Socket is the directory of the server's socket.
func (s *Server) Socket() string { return s.dir }

// URL names a database of the server, over its socket.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://%s@/%s?host=%s&port=%d", User, database, s.dir, s.Port)
}

// Close stops the server and removes its files.
func (s *Server) Close() error {
	s.Kill(syscall.SIGQUIT)
	return s.stop.Close()
}
