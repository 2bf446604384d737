package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"weir/connector"
)

const (
	// MaxMessage is the longest line that a program may write on standard
	// output, in bytes: twice as much as the largest document that Weir's own
	// servers take, and what is around it.
	MaxMessage = 64 << 20

	chunkSize = 64 << 10 // of what is read from standard output at once
)

// ErrStopped is what a program that Stop has ended gives.
var ErrStopped = errors.New("the connector was stopped")

// Program is a process that runs. One goroutine at a time may use it; Stop may
// be called by any.
type Program struct {
	command Command
	process *os.Process
	logs    *logs

	stdin, stdout, stderr *os.File // this process's ends

	chunks  chan []byte   // whole lines of standard output; closed at its end. One: a chunk is read while another is handled
	current []byte        // what is left of the chunk that is handled
	failed  error         // of standard output; set before chunks is closed
	exited  chan struct{} // closed when the process is gone
	state   *os.ProcessState
	quit    chan struct{} // closed by Stop
	once    sync.Once
	ending  sync.WaitGroup // the goroutines
}

// Start starts the program.
func Start(c Command) (*Program, error) {
	if c.Grace == 0 {
		c.Grace = 5 * time.Second
	}
	p := &Program{command: c, chunks: make(chan []byte, 1), exited: make(chan struct{}), quit: make(chan struct{})}
	p.logs = newLogs(c.Log, c.Secrets)
	var pipes []*os.File // read and write ends of standard input, output and error
	for range 3 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(pipes)
			return nil, fmt.Errorf("pipe to the connector: %w", err)
		}
		pipes = append(pipes, r, w)
	}
	cmd := c.cmd(pipes[0], pipes[3], pipes[5])
	started := make(chan error)
	p.ending.Add(1)
	go p.run(cmd, started)
	err := <-started
	closeAll([]*os.File{pipes[0], pipes[3], pipes[5]}) // the program's ends
	if err != nil {
		closeAll([]*os.File{pipes[1], pipes[2], pipes[4]})
		return nil, p.startError(err)
	}
	p.stdin, p.stdout, p.stderr = pipes[1], pipes[2], pipes[4]
	p.ending.Add(2)
	go func() {
		defer p.ending.Done()
		p.read()
	}()
	go func() {
		defer p.ending.Done()
		p.logs.follow(p.stderr)
	}()
	return p, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// run starts the process and waits for its end. It keeps its thread for as
// long: on Linux the process ends with the thread that started it.
func (p *Program) run(cmd *exec.Cmd, started chan<- error) {
	defer p.ending.Done()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	p.process = cmd.Process
	started <- err
	if err != nil {
		return
	}
	_ = cmd.Wait() // how it ended, its state says
	p.state = cmd.ProcessState
	kill(p.process) // what it started and left behind
	close(p.exited)
}

func (p *Program) startError(err error) error {
	name := p.command.Args[0]
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
		if _, missing := os.Stat(p.command.Dir); p.command.Dir != "" && missing != nil {
			return fmt.Errorf("the directory %s, which the connector is started in, is not on this machine: a local connector runs on machines that have the catalog's files where it was published from", p.command.Dir)
		}
		return fmt.Errorf("program %s of the connector was not found: install it on the machine that runs the worker, or correct endpoint.local.command", name)
	}
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("program %s of the connector may not be run: make it executable (chmod +x), or name its interpreter first", name)
	}
	return fmt.Errorf("start %s: %w", name, err)
}

// read hands on standard output, in chunks of whole lines.
func (p *Program) read() {
	defer close(p.chunks)
	buf, n := make([]byte, chunkSize), 0
	for {
		m, err := p.stdout.Read(buf[n:])
		fresh := n
		n += m
		if end := bytes.LastIndexByte(buf[fresh:n], '\n') + 1; end > 0 {
			if !p.hand(bytes.Clone(buf[:fresh+end])) {
				return
			}
			n = copy(buf, buf[fresh+end:n])
		}
		switch {
		case err != nil:
			if len(bytes.TrimSpace(buf[:n])) > 0 { // a last line without its end
				p.hand(buf[:n])
			}
			if !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
				p.failed = fmt.Errorf("read from the connector: %w", err)
			}
			return
		case n > MaxMessage:
			p.failed = &connector.MessageError{Reason: fmt.Sprintf("it wrote a line of more than %d bytes: let it send smaller documents", MaxMessage)}
			return
		case n == len(buf):
			buf = append(buf, make([]byte, len(buf))...)
		case n == 0 && len(buf) > 4*chunkSize: // one long line does not keep its memory
			buf = make([]byte, chunkSize)
		}
	}
}

func (p *Program) hand(chunk []byte) bool {
	select {
	case p.chunks <- chunk:
		return true
	case <-p.quit:
		return false
	}
}

// Receive gives the next line that is not empty. A line is the caller's to
// keep. Behind the last one it gives io.EOF of a program that ended well, else
// an *ExitError. The context's error: nothing is lost, Receive may be called
// again.
func (p *Program) Receive(ctx context.Context) ([]byte, error) {
	for {
		if p.stopped() {
			return nil, ErrStopped
		}
		if line := p.line(); line != nil {
			return line, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		select {
		case chunk, ok := <-p.chunks:
			if !ok {
				return nil, p.end(ctx)
			}
			p.current = chunk
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-p.quit:
			return nil, ErrStopped
		}
	}
}

func (p *Program) stopped() bool {
	select {
	case <-p.quit:
		return true
	default:
		return false
	}
}

// line takes the next line of the current chunk; nil: there is none.
func (p *Program) line() []byte {
	for len(p.current) > 0 {
		line := p.current
		if i := bytes.IndexByte(p.current, '\n'); i >= 0 {
			line, p.current = p.current[:i:i], p.current[i+1:]
		} else {
			p.current = nil
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return line
		}
	}
	return nil
}

// Send writes lines to standard input, each with its line break. Meanwhile it
// hands whatever the program says to received, so that neither waits for the
// other; received may be nil if the program has nothing to say. After an
// error, the context's included, the program is good for Stop only.
func (p *Program) Send(ctx context.Context, lines []byte, received func(line []byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	written := make(chan error, 1)
	p.ending.Add(1)
	go func() { // Stop closes standard input, and waits
		defer p.ending.Done()
		_, err := p.stdin.Write(lines)
		written <- err
	}()
	chunks := p.chunks
	if received == nil {
		chunks = nil
	}
	for {
		for received != nil {
			line := p.line()
			if line == nil {
				break
			}
			if err := received(line); err != nil {
				return err
			}
		}
		select {
		case err := <-written:
			if err != nil {
				return p.unheard(ctx)
			}
			return nil
		case chunk, ok := <-chunks:
			if !ok {
				return p.end(ctx)
			}
			p.current = chunk
		case <-ctx.Done():
			return ctx.Err()
		case <-p.quit:
			return ErrStopped
		}
	}
}

// unheard is the error of a program that does not read on: io.EOF of one that
// ended well.
func (p *Program) unheard(ctx context.Context) error {
	err := p.end(ctx)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the connector ended before it had read everything: %w", err)
	}
	return err
}

// end says how the program ended. One that closed its standard output and goes
// on is given the grace to end by itself.
func (p *Program) end(ctx context.Context) error {
	timer := time.NewTimer(p.command.Grace)
	defer timer.Stop()
	select {
	case <-p.exited:
	case <-p.quit:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		if p.failed != nil {
			return p.failed
		}
		return errors.New("the connector closed its standard output and goes on: it must end then")
	}
	if p.failed != nil {
		return p.failed
	}
	select { // the end of its group ends its standard error
	case <-p.logs.done:
	case <-timer.C:
	}
	if p.state.Success() {
		return io.EOF
	}
	return &ExitError{Status: p.state.String(), Code: p.state.ExitCode(), Last: p.logs.last()}
}

// The exit codes, of those that sysexits.h names, by which a program says that
// trying again does not help.
const (
	exitUsage  = 64
	exitData   = 65
	exitConfig = 78
)

// ExitError is a program that ended with an error of its own.
type ExitError struct {
	Status string // exit status or signal
	Code   int    // -1: a signal
	Last   string // what it logged last, without secrets
}

func (e *ExitError) Error() string {
	if e.Last == "" {
		return fmt.Sprintf("the connector ended with %s and said nothing on standard error", e.Status)
	}
	return fmt.Sprintf("the connector ended with %s: %s", e.Status, e.Last)
}

// Passes says whether the trouble may pass by itself. A program says that it
// does not by ending with status 64, 65 or 78: called wrongly, a document that
// it cannot take, a configuration that it cannot use.
func (e *ExitError) Passes() bool {
	return e.Code != exitUsage && e.Code != exitData && e.Code != exitConfig
}

// CloseInput ends the program's standard input: one that has nothing left to
// do ends then.
func (p *Program) CloseInput() { p.stdin.Close() }

// Stop ends the program and what it started: its input is closed and it is
// asked to end, and after a grace it is killed. It returns when all of it is
// gone, and may be called twice.
func (p *Program) Stop() {
	p.once.Do(func() {
		close(p.quit)
		p.stdin.Close()
		select {
		case <-p.exited: // its number may be another's by now
		default:
			terminate(p.process)
		}
		timer := time.NewTimer(p.command.Grace)
		defer timer.Stop()
		select {
		case <-p.exited:
		case <-timer.C:
			kill(p.process)
			<-p.exited
		}
		p.stdout.Close()
		timer.Reset(p.command.Grace)
		select { // its last words, unless what it left behind keeps standard error open
		case <-p.logs.done:
		case <-timer.C:
		}
		p.stderr.Close()
	})
	p.ending.Wait()
}
