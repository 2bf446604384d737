package connector

import "encoding/json"

// CaptureRequest is what a capture connector is told. Exactly one member is
// set.
type CaptureRequest struct {
	Spec        *SpecRequest        `json:"spec,omitempty"`
	Discover    *SpecRequest        `json:"discover,omitempty"`
	Validate    *CaptureValidate    `json:"validate,omitempty"`
	Apply       *CaptureApply       `json:"apply,omitempty"`
	Open        *CaptureOpen        `json:"open,omitempty"`
	Acknowledge *CaptureAcknowledge `json:"acknowledge,omitempty"`
}

// CaptureValidate asks whether bindings can be served.
type CaptureValidate struct {
	Name          string                   `json:"name"`
	ConnectorType string                   `json:"connectorType"`
	Config        json.RawMessage          `json:"config"`
	Bindings      []CaptureValidateBinding `json:"bindings"`
	LastCapture   *CaptureSpec             `json:"lastCapture,omitempty"`
	LastVersion   string                   `json:"lastVersion,omitempty"`
}

// CaptureValidateBinding is a binding that is asked about.
type CaptureValidateBinding struct {
	ResourceConfig json.RawMessage `json:"resourceConfig"`
	Collection     CollectionSpec  `json:"collection"`
	Backfill       int             `json:"backfill,omitempty"`
}

// CaptureApply asks to prepare the endpoint.
type CaptureApply struct {
	Capture     *CaptureSpec `json:"capture"`
	Version     string       `json:"version"`
	LastCapture *CaptureSpec `json:"lastCapture,omitempty"`
	LastVersion string       `json:"lastVersion,omitempty"`
}

// CaptureOpen begins a session.
type CaptureOpen struct {
	Capture *CaptureSpec    `json:"capture"`
	Version string          `json:"version"`
	Range   Range           `json:"range"`
	State   json.RawMessage `json:"state"`
}

// CaptureAcknowledge says that the next checkpoints are durable.
type CaptureAcknowledge struct {
	Checkpoints int `json:"checkpoints"`
}

// CaptureSpec is a capture with what its connector said of it.
type CaptureSpec struct {
	Name            string           `json:"name"`
	ConnectorType   string           `json:"connectorType"`
	Config          json.RawMessage  `json:"config"`
	Bindings        []CaptureBinding `json:"bindings"`
	IntervalSeconds int              `json:"intervalSeconds,omitempty"`

	ShardTemplate       *ShardSpec   `json:"shardTemplate,omitempty"`
	RecoveryLogTemplate *JournalSpec `json:"recoveryLogTemplate,omitempty"`
}

// CaptureBinding is one resource going to one collection.
type CaptureBinding struct {
	ResourceConfig json.RawMessage `json:"resourceConfig"`
	ResourcePath   []string        `json:"resourcePath"`
	Collection     CollectionSpec  `json:"collection"`
	Backfill       int             `json:"backfill,omitempty"`
	StateKey       string          `json:"stateKey"`
}

// CaptureResponse is what a capture connector says. Exactly one member is set.
type CaptureResponse struct {
	Spec          *Spec              `json:"spec,omitempty"`
	Discovered    *Discovered        `json:"discovered,omitempty"`
	Validated     *CaptureValidated  `json:"validated,omitempty"`
	Applied       *Applied           `json:"applied,omitempty"`
	Opened        *CaptureOpened     `json:"opened,omitempty"`
	Captured      *Captured          `json:"captured,omitempty"`
	SourcedSchema *SourcedSchema     `json:"sourcedSchema,omitempty"`
	Checkpoint    *CaptureCheckpoint `json:"checkpoint,omitempty"`
}

// Discovered lists what an endpoint has.
type Discovered struct {
	Bindings []DiscoveredBinding `json:"bindings"`
}

// DiscoveredBinding is one resource that could be captured.
type DiscoveredBinding struct {
	RecommendedName string          `json:"recommendedName"`
	ResourceConfig  json.RawMessage `json:"resourceConfig"`
	DocumentSchema  json.RawMessage `json:"documentSchema"`
	Key             []string        `json:"key"`
	Disable         bool            `json:"disable,omitempty"`
	ResourcePath    []string        `json:"resourcePath,omitempty"`
	IsFallbackKey   bool            `json:"isFallbackKey,omitempty"`
}

// CaptureValidated answers for each binding, in order.
type CaptureValidated struct {
	Bindings []CaptureValidatedBinding `json:"bindings"`
}

// CaptureValidatedBinding names a binding's resource.
type CaptureValidatedBinding struct {
	ResourcePath []string `json:"resourcePath"`
}

// CaptureOpened begins the documents.
type CaptureOpened struct {
	ExplicitAcknowledgements bool `json:"explicitAcknowledgements,omitempty"`
}

// Captured is one document. It is pending until the next checkpoint.
type Captured struct {
	Binding int             `json:"binding"`
	Doc     json.RawMessage `json:"doc"`
}

// SourcedSchema is what the source's own catalog says of a binding's
// documents.
type SourcedSchema struct {
	Binding        int             `json:"binding"`
	DocumentSchema json.RawMessage `json:"documentSchema"`
}

// CaptureCheckpoint covers all documents before it.
type CaptureCheckpoint struct {
	State *ConnectorState `json:"state"`
}
