package server

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"weir/fault"
)

func TestStartAndStop(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // the second finds the store of the first
		s, err := Start(Options{StoreDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		nc, err := nats.Connect(s.URL())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(s.URL(), "nats://127.0.0.1:") || nc.MaxPayload() != DefaultMaxPayload {
			t.Fatalf("%s, payload %d", s.URL(), nc.MaxPayload())
		}
		js := s.Raw().JetStreamConfig()
		if !js.SyncAlways || !strings.HasPrefix(js.StoreDir, dir) {
			t.Fatalf("settings %+v", js)
		}
		nc.Close()
		s.Stop()
		s.Stop()
	}
}

func TestStoreDirectoryBelongsToOne(t *testing.T) {
	dir := t.TempDir()
	s, err := Start(Options{StoreDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Start(Options{StoreDir: dir}); err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("got %v", err)
	}
	s.Stop()
	if s, err = Start(Options{StoreDir: dir}); err != nil {
		t.Fatal(err)
	}
	s.Stop()
}

func TestPortIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dir := t.TempDir()
	port := l.Addr().(*net.TCPAddr).Port
	_, err = Start(Options{StoreDir: dir, Port: port})
	if code, fix, _ := fault.What(err); err == nil || !strings.Contains(err.Error(), "is taken") || code != fault.PortTaken || !strings.Contains(fix, "--port") {
		t.Fatalf("got %v", err)
	}
	s, err := Start(Options{StoreDir: dir}) // the lock was given back
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
}

func TestServerWithoutPort(t *testing.T) {
	s, err := Start(Options{Memory: true, Port: -1, MaxPayload: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	nc, err := nats.Connect("", nats.InProcessServer(s.Raw()))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if nc.MaxPayload() != 1<<20 {
		t.Fatalf("payload %d", nc.MaxPayload())
	}
}

func TestMemoryServerLeavesNothing(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s, err := Start(Options{Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) != 0 {
		t.Fatalf("%v, %v", left, err)
	}
}

func TestBadStoreDirectory(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{}, {StoreDir: file}, {StoreDir: file + "/below"}} {
		if s, err := Start(o); err == nil {
			s.Stop()
			t.Fatalf("%+v starts", o)
		}
	}
}

func TestLogLevels(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	s, err := Start(Options{Memory: true, Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	s.Stop()
	if logs.FilterLevelExact(zap.DebugLevel).Len() == 0 || logs.FilterLevelExact(zap.ErrorLevel).Len() != 0 || logs.FilterLevelExact(zap.InfoLevel).Len() != 0 {
		t.Fatalf("got %v", logs.All())
	}
}

// The lock must end with the process, however it ends.
func TestLockEndsWithItsProcess(t *testing.T) {
	if dir := os.Getenv("WEIR_TEST_HOLD_LOCK"); dir != "" {
		if _, err := takeLock(dir + "/" + lockName); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("held\n")
		_, _ = os.Stdin.Read(make([]byte, 1)) // until it is killed
		return
	}
	dir := t.TempDir()
	holder := exec.Command(os.Args[0], "-test.run", "^TestLockEndsWithItsProcess$")
	holder.Env = append(os.Environ(), "WEIR_TEST_HOLD_LOCK="+dir)
	if _, err := holder.StdinPipe(); err != nil { // kept open
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	if _, err := takeLock(dir + "/" + lockName); err != errLocked {
		t.Fatalf("got %v", err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // it was killed
	f, err := takeLock(dir + "/" + lockName)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
}
