package connector

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Version is the protocol's, which a connector's spec names.
const Version = 3032023

// ShardRange gives the range of a shard by its token, `<r>-<m>`: the residue
// class r mod m is a contiguous range of the bit-reversed hash, so that shards
// that split keep theirs.
func ShardRange(token string) (Range, error) {
	var r, m uint32
	if _, err := fmt.Sscanf(token, "%d-%d", &r, &m); err != nil || m == 0 || m&(m-1) != 0 || r >= m {
		return Range{}, fmt.Errorf("shard %q is no residue class", token)
	}
	if m == 1 {
		return Range{KeyEnd: 1<<32 - 1, RClockEnd: 1<<32 - 1}, nil
	}
	width := uint32(1 << (32 - bits.TrailingZeros32(m)))
	begin := bits.Reverse32(r)
	return Range{KeyBegin: begin, KeyEnd: begin + width - 1, RClockEnd: 1<<32 - 1}, nil
}

// Range is the part of the keys and of time that a shard has, both ends
// inclusive.
type Range struct {
	KeyBegin    uint32 `json:"keyBegin"`
	KeyEnd      uint32 `json:"keyEnd"`
	RClockBegin uint32 `json:"rClockBegin"`
	RClockEnd   uint32 `json:"rClockEnd"`
}

// Integer is a number of up to 64 bits that may be written as a string.
type Integer int64

// UnmarshalJSON takes a number, or a string that holds one.
func (i *Integer) UnmarshalJSON(text []byte) error {
	s := strings.Trim(string(text), `"`)
	if s == "null" {
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return fmt.Errorf("%.40s is no integer", text)
	}
	*i = Integer(n)
	return nil
}

// SpecRequest asks what a connector is.
type SpecRequest struct {
	ConnectorType string          `json:"connectorType"`
	Config        json.RawMessage `json:"config"`
}

// Spec answers a SpecRequest.
type Spec struct {
	Protocol             Integer         `json:"protocol"`
	ConfigSchema         json.RawMessage `json:"configSchema"`
	ResourceConfigSchema json.RawMessage `json:"resourceConfigSchema"`
	DocumentationURL     string          `json:"documentationUrl,omitempty"`
	ResourcePathPointers []string        `json:"resourcePathPointers,omitempty"`
}

// Check says what is wrong with a spec.
func (s *Spec) Check() error {
	switch {
	case s.Protocol != Version:
		return fmt.Errorf("the connector speaks version %d of the protocol, Weir speaks %d", s.Protocol, Version)
	case len(s.ConfigSchema) == 0 || len(s.ResourceConfigSchema) == 0:
		return fmt.Errorf("spec has no configSchema or no resourceConfigSchema")
	}
	return nil
}

// CollectionSpec is a collection as connectors know it.
type CollectionSpec struct {
	Name            string          `json:"name"`
	WriteSchema     json.RawMessage `json:"writeSchema"`
	ReadSchema      json.RawMessage `json:"readSchema,omitempty"` // empty: the write schema
	Key             []string        `json:"key"`
	UUIDPtr         string          `json:"uuidPtr"`
	PartitionFields []string        `json:"partitionFields,omitempty"`
	Projections     []Projection    `json:"projections"` // sorted by field

	PartitionTemplate *JournalSpec    `json:"partitionTemplate,omitempty"`
	AckTemplate       json.RawMessage `json:"ackTemplate,omitempty"`
}

// Projection is a location of a collection's documents under a flat name.
type Projection struct {
	Ptr            string     `json:"ptr"`
	Field          string     `json:"field"`
	Explicit       bool       `json:"explicit,omitempty"`
	IsPartitionKey bool       `json:"isPartitionKey,omitempty"`
	IsPrimaryKey   bool       `json:"isPrimaryKey,omitempty"`
	Inference      *Inference `json:"inference,omitempty"`
}

// Inference is what a schema says of a location.
type Inference struct {
	Types       []string          `json:"types"`
	Exists      string            `json:"exists"` // MUST, MAY, IMPLICIT or CANNOT
	Title       string            `json:"title,omitempty"`
	Description string            `json:"description,omitempty"`
	Default     json.RawMessage   `json:"default,omitempty"`
	String      *StringInference  `json:"string,omitempty"`
	Numeric     *NumericInference `json:"numeric,omitempty"`
}

// StringInference is what a schema says of strings.
type StringInference struct {
	Format          string `json:"format,omitempty"`
	ContentEncoding string `json:"contentEncoding,omitempty"`
}

// NumericInference is what a schema says of numbers.
type NumericInference struct {
	HasMinimum bool    `json:"hasMinimum,omitempty"`
	Minimum    float64 `json:"minimum,omitempty"`
	HasMaximum bool    `json:"hasMaximum,omitempty"`
	Maximum    float64 `json:"maximum,omitempty"`
}

// ConnectorState is a state that a connector hands over to be kept.
type ConnectorState struct {
	Updated    json.RawMessage `json:"updated"`
	MergePatch bool            `json:"mergePatch"` // Updated is an RFC 7396 patch of the state before it
}

// Applied says in one line for people what a connector did to its endpoint;
// empty: nothing.
type Applied struct {
	ActionDescription string          `json:"actionDescription,omitempty"`
	State             *ConnectorState `json:"state,omitempty"` // of materializations
}
