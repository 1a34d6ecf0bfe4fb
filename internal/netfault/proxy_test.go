package netfault_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tracetally/tracetally/internal/netfault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// through is a connection to a server that echoes, through a proxy.
func through(t *testing.T) (*netfault.Proxy, func() net.Conn) {
	t.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	proxy, err := netfault.Start(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { proxy.Close(); _ = server.Close() })
	return proxy, func() net.Conn {
		c, err := net.Dial("tcp", proxy.Addr())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
}

func echo(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text+"\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := bufio.NewReader(c).ReadString('\n'); err != nil || got != text+"\n" {
		t.Fatalf("echo of %q is %q, %v", text, got, err)
	}
}

func TestPiecesArriveWholeAndLate(t *testing.T) {
	proxy, dial := through(t)
	c := dial()
	proxy.Slice(3)
	proxy.Delay(20 * time.Millisecond)
	began := time.Now()
	echo(t, c, strings.Repeat("abcdefgh", 10_000))
	if took := time.Since(began); took < 40*time.Millisecond {
		t.Errorf("there and back took %v, the proxy delays each way by 20ms", took)
	}
}

func TestMutedConnectionSaysNothingAndOthersPass(t *testing.T) {
	proxy, dial := through(t)
	muted := dial()
	echo(t, muted, "before")
	proxy.Mute(false)
	if _, err := io.WriteString(muted, "lost\n"); err != nil {
		t.Errorf("the sender is told: %v", err)
	}
	echo(t, dial(), "another")
	if err := muted.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if n, err := muted.Read(make([]byte, 9)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("heard %d bytes, %v", n, err)
	}
}

func TestResetConnectionFailsAtOnce(t *testing.T) {
	proxy, dial := through(t)
	c := dial()
	echo(t, c, "before")
	proxy.Reset()
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("read = %v, want a reset", err)
	}
}
