package connector

import "encoding/json"

// MaterializeRequest is what a materialization connector is told. Exactly one
// member is set.
type MaterializeRequest struct {
	Spec        *SpecRequest         `json:"spec,omitempty"`
	Validate    *MaterializeValidate `json:"validate,omitempty"`
	Apply       *MaterializeApply    `json:"apply,omitempty"`
	Open        *MaterializeOpen     `json:"open,omitempty"`
	Load        *Load                `json:"load,omitempty"`
	Flush       *struct{}            `json:"flush,omitempty"`
	Store       *Store               `json:"store,omitempty"`
	StartCommit *StartCommit         `json:"startCommit,omitempty"`
	Acknowledge *struct{}            `json:"acknowledge,omitempty"`
}

// MaterializeValidate asks which fields bindings take.
type MaterializeValidate struct {
	Name                string                       `json:"name"`
	ConnectorType       string                       `json:"connectorType"`
	Config              json.RawMessage              `json:"config"`
	Bindings            []MaterializeValidateBinding `json:"bindings"`
	LastMaterialization *MaterializationSpec         `json:"lastMaterialization,omitempty"`
	LastVersion         string                       `json:"lastVersion,omitempty"`
}

// MaterializeValidateBinding is a binding that is asked about.
type MaterializeValidateBinding struct {
	ResourceConfig json.RawMessage            `json:"resourceConfig"`
	Collection     CollectionSpec             `json:"collection"`
	FieldConfig    map[string]json.RawMessage `json:"fieldConfig,omitempty"`
	Backfill       int                        `json:"backfill,omitempty"`
	GroupBy        []string                   `json:"groupBy,omitempty"`
}

// MaterializeApply asks for the resources of bindings.
type MaterializeApply struct {
	Materialization     *MaterializationSpec `json:"materialization"`
	Version             string               `json:"version"`
	LastMaterialization *MaterializationSpec `json:"lastMaterialization,omitempty"`
	LastVersion         string               `json:"lastVersion,omitempty"`
	State               json.RawMessage      `json:"state"`
}

// MaterializeOpen begins a session.
type MaterializeOpen struct {
	Materialization *MaterializationSpec `json:"materialization"`
	Version         string               `json:"version"`
	Range           Range                `json:"range"`
	State           json.RawMessage      `json:"state"`
}

// Load asks for the document of a key.
type Load struct {
	Binding   int             `json:"binding"`
	Key       json.RawMessage `json:"key"`
	KeyPacked []byte          `json:"keyPacked"`
}

// Store hands over one row.
type Store struct {
	Binding      int             `json:"binding"`
	Key          json.RawMessage `json:"key"`
	KeyPacked    []byte          `json:"keyPacked"`
	Values       json.RawMessage `json:"values"`
	ValuesPacked []byte          `json:"valuesPacked"`
	Doc          json.RawMessage `json:"doc,omitempty"`
	Exists       bool            `json:"exists,omitempty"`
	Delete       bool            `json:"delete,omitempty"`
}

// StartCommit ends the stores of a transaction.
type StartCommit struct {
	RuntimeCheckpoint *Checkpoint `json:"runtimeCheckpoint"`
}

// Checkpoint is the runtime's. Connectors keep it as it is. It has the shape
// of Flow's, which carries bytes by journal: what is Weir's stands under one
// name there.
type Checkpoint struct {
	AckIntents map[string][]byte `json:"ackIntents,omitempty"`
}

// checkpointName is the name under which a Checkpoint carries Weir's.
const checkpointName = "weir/checkpoint"

// NewCheckpoint wraps a checkpoint of Weir's.
func NewCheckpoint(text []byte) *Checkpoint {
	return &Checkpoint{AckIntents: map[string][]byte{checkpointName: text}}
}

// Text gives a checkpoint of Weir's; nil when there is none.
func (c *Checkpoint) Text() []byte { return c.AckIntents[checkpointName] }

// MaterializationSpec is a materialization with what its connector said of it.
type MaterializationSpec struct {
	Name          string                   `json:"name"`
	ConnectorType string                   `json:"connectorType"`
	Config        json.RawMessage          `json:"config"`
	Bindings      []MaterializationBinding `json:"bindings"`

	ShardTemplate       *ShardSpec   `json:"shardTemplate,omitempty"`
	RecoveryLogTemplate *JournalSpec `json:"recoveryLogTemplate,omitempty"`
}

// MaterializationBinding is one collection going to one resource.
type MaterializationBinding struct {
	ResourceConfig    json.RawMessage `json:"resourceConfig"`
	ResourcePath      []string        `json:"resourcePath"`
	Collection        CollectionSpec  `json:"collection"`
	FieldSelection    FieldSelection  `json:"fieldSelection"`
	DeltaUpdates      bool            `json:"deltaUpdates,omitempty"`
	Backfill          int             `json:"backfill,omitempty"`
	StateKey          string          `json:"stateKey"`
	JournalReadSuffix string          `json:"journalReadSuffix,omitempty"`
}

// FieldSelection names the fields of a binding.
type FieldSelection struct {
	Keys        []string                   `json:"keys"`
	Values      []string                   `json:"values"`
	Document    string                     `json:"document,omitempty"`
	FieldConfig map[string]json.RawMessage `json:"fieldConfig,omitempty"`
}

// MaterializeResponse is what a materialization connector says. Exactly one
// member is set.
type MaterializeResponse struct {
	Spec          *Spec                 `json:"spec,omitempty"`
	Validated     *MaterializeValidated `json:"validated,omitempty"`
	Applied       *Applied              `json:"applied,omitempty"`
	Opened        *MaterializeOpened    `json:"opened,omitempty"`
	Loaded        *Loaded               `json:"loaded,omitempty"`
	Flushed       *Stated               `json:"flushed,omitempty"`
	StartedCommit *Stated               `json:"startedCommit,omitempty"`
	Acknowledged  *Stated               `json:"acknowledged,omitempty"`
}

// MaterializeValidated answers for each binding, in order.
type MaterializeValidated struct {
	Bindings []MaterializeValidatedBinding `json:"bindings"`
}

// MaterializeValidatedBinding says what a connector makes of a binding.
// Constraints are a map in one version of the protocol and a list in another.
type MaterializeValidatedBinding struct {
	ResourcePath          []string               `json:"resourcePath"`
	DeltaUpdates          bool                   `json:"deltaUpdates,omitempty"`
	Constraints           map[string]Constraint  `json:"constraints,omitempty"`
	ProjectionConstraints []ProjectionConstraint `json:"projectionConstraints,omitempty"`
}

// Constraint is a connector's word on one field.
type Constraint struct {
	Type        string `json:"type"`
	Reason      string `json:"reason"`
	FoldedField string `json:"foldedField,omitempty"`
}

// ProjectionConstraint is one of a list of constraints, which may name a field
// more than once.
type ProjectionConstraint struct {
	Field      string     `json:"field"`
	Constraint Constraint `json:"constraint"`
}

// MaterializeOpened begins the transactions. A RuntimeCheckpoint, even an
// empty one, says that the connector keeps checkpoints itself, with its rows.
type MaterializeOpened struct {
	RuntimeCheckpoint *Checkpoint `json:"runtimeCheckpoint,omitempty"`
}

// Loaded is the document of a key that was asked for.
type Loaded struct {
	Binding int             `json:"binding"`
	Doc     json.RawMessage `json:"doc"`
}

// Stated may carry a state to keep: flushed, startedCommit, acknowledged.
type Stated struct {
	State *ConnectorState `json:"state,omitempty"`
}
