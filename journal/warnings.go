package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// warningsTimeout is how long the servers have to show their settings; most
// users may not see them.
const warningsTimeout = 500 * time.Millisecond

// Warnings gives what is risky about the server, as sentences for people; it
// does not fail. What this user may not see is not judged.
func (c *Conn) Warnings(ctx context.Context) []string {
	answer, err := c.request(ctx, &nats.Msg{Subject: "$SYS.REQ.SERVER.PING.JSZ", Data: []byte(`{"config":true}`)}, warningsTimeout)
	if err == nil {
		return syncWarnings(answer.Data)
	}
	if c.own || c.nc.ConnectedClusterName() != "" {
		return nil
	}
	return []string{"the server is a single one and does not show how often it writes to disk: unless its jetstream block says `sync_interval: always`, a power cut can lose what was acknowledged"}
}

// OwnServer identifies the server where this process runs it itself, which then
// writes to disk before it answers; empty where somebody else does.
func (c *Conn) OwnServer() string {
	if !c.own {
		return ""
	}
	return c.nc.ConnectedServerId()
}

// syncWarnings judges a server's answer about its JetStream settings.
func syncWarnings(data []byte) []string {
	var shown struct {
		Server struct {
			Name string `json:"name"`
		} `json:"server"`
		Data struct {
			Config struct {
				SyncAlways   bool          `json:"sync_always"`
				SyncInterval time.Duration `json:"sync_interval"`
			} `json:"config"`
			Meta *struct{} `json:"meta_cluster"`
		} `json:"data"`
	}
	if json.Unmarshal(data, &shown) != nil || shown.Data.Config.SyncAlways || shown.Data.Config.SyncInterval == 0 || shown.Data.Meta != nil {
		return nil
	}
	return []string{fmt.Sprintf("nats-server %s writes to disk every %s only: a power cut loses what was acknowledged since. Set `sync_interval: always` in its jetstream block (with Weir's batches it costs nothing), or use three replicas", shown.Server.Name, shown.Data.Config.SyncInterval)}
}
