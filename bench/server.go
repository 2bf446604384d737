package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"weir/journal/server"
)

// serverWord as the first argument makes bench a NATS server and nothing else.
const serverWord = "server"

// readyPrefix begins the line that says where such a server is.
const readyPrefix = "ready "

// serveNATS runs a server as Weir embeds it, until its standard input ends,
// which it does when whoever started it is gone.
func serveNATS(dir string, in io.Reader, out io.Writer) error {
	s, err := server.Start(server.Options{StoreDir: dir})
	if err != nil {
		return err
	}
	defer s.Stop()
	fmt.Fprintln(out, readyPrefix+s.URL())
	_, err = io.Copy(io.Discard, in)
	return err
}

// natsServer is a server in a process of its own, so that its CPU and memory
// can be told from those of what is measured.
type natsServer struct {
	url  string
	cmd  *exec.Cmd
	stop io.Closer // its standard input
	dir  string
}

func startServer(ctx context.Context, log io.Writer) (s *natsServer, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	s = &natsServer{}
	if s.dir, err = os.MkdirTemp("", "weir-bench-"); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start server: %w", err), os.RemoveAll(s.dir))
		}
	}()
	// It outlives ctx, so that rows that are cut off find it there to the end: close ends it.
	s.cmd = exec.CommandContext(context.WithoutCancel(ctx), program, serverWord, s.dir)
	s.cmd.Stderr = log
	if s.stop, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	url, ok := strings.CutPrefix(strings.TrimSpace(line), readyPrefix)
	if !ok {
		return nil, errors.Join(fmt.Errorf("it said %q instead of where it is", line), err, s.stop.Close(), s.cmd.Wait())
	}
	s.url = url
	return s, nil
}

func (s *natsServer) pid() int { return s.cmd.Process.Pid }

// close ends the server and removes what it stored.
func (s *natsServer) close() error {
	return errors.Join(s.stop.Close(), s.cmd.Wait(), os.RemoveAll(s.dir))
}
