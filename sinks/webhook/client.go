package webhook

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// errLinkLocal is an address where a cloud answers any process of the machine,
// with the machine's credentials.
var errLinkLocal = errors.New("its address is link-local, where clouds keep the credentials of machines: nothing was sent; set `allowLinkLocal: true` if that is meant")

// newClient makes a client that looks at addresses when it dials, after names
// are resolved, so that no name can lead it elsewhere, and that follows no
// redirect.
func newClient(s *settings) *http.Client {
	dialer := &net.Dialer{Timeout: s.timeout, KeepAlive: 30 * time.Second}
	if !s.allowLinkLocal {
		dialer.Control = refuseLinkLocal
	}
	return &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: s.lanes, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: s.timeout,
			MaxResponseHeaderBytes: readAnswer,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func refuseLinkLocal(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if metadata(at.Addr()) {
		return errLinkLocal
	}
	return nil
}

// metadata says whether an address may be that of a cloud's metadata.
func metadata(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() {
		return true
	}
	switch ip.String() { // those that some clouds have elsewhere
	case "fd00:ec2::254", "100.100.100.200", "192.0.0.192":
		return true
	}
	return false
}
