package connector

// JournalSpec and ShardSpec describe the journals and shards of Flow's
// runtime. Weir has none of these; connectors built on Flow's libraries refuse
// specs without valid ones, and look no closer.

// JournalSpec is a journal's.
type JournalSpec struct {
	Name        string           `json:"name"`
	Replication int              `json:"replication"`
	Labels      LabelSet         `json:"labels"`
	Fragment    *JournalFragment `json:"fragment"`
	Flags       int              `json:"flags"`
}

// JournalFragment says how a journal is stored.
type JournalFragment struct {
	Length           string `json:"length"`
	CompressionCodec string `json:"compressionCodec"`
	RefreshInterval  string `json:"refreshInterval"`
}

// LabelSet is empty here.
type LabelSet struct{}

// ShardSpec is a shard's.
type ShardSpec struct {
	ID             string   `json:"id"`
	MaxTxnDuration string   `json:"maxTxnDuration"`
	Labels         LabelSet `json:"labels"`
}

// PlausibleJournal is a journal spec that passes Flow's checks.
func PlausibleJournal(name string) *JournalSpec {
	return &JournalSpec{Name: name, Replication: 1, Flags: 4, Fragment: &JournalFragment{Length: "536870912", CompressionCodec: "GZIP", RefreshInterval: "300s"}}
}

// PlausibleShard is a shard spec that passes Flow's checks.
func PlausibleShard(id string) *ShardSpec { return &ShardSpec{ID: id, MaxTxnDuration: "1s"} }
