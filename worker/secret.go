package worker

import (
	"encoding/json"
	"errors"

	"weir/catalog"
	"weir/secrets"
)

// resolve gives an endpoint with its secrets in place: at each start anew, since
// they may have changed. From here on nothing that the task logs or reports
// holds any of them.
func (e *env) resolve(at catalog.Endpoint, schema json.RawMessage) (catalog.Endpoint, error) {
	config, values, err := e.secrets.Resolve(at.Config)
	if err != nil {
		return at, err
	}
	e.redactor.Add(values...)
	e.redactor.Add(secrets.Values(schema, config)...)
	at.Config = config
	return at, nil
}

// explain gives the reason of a failure without secrets.
func (e *env) explain(err error) *Why { return explain(err).redact(e.redactor) }

// redact takes secrets out of a reason.
func (w *Why) redact(r *secrets.Redactor) *Why {
	if w == nil {
		return nil
	}
	clean := *w
	for _, text := range []*string{&clean.Message, &clean.Subject, &clean.Pointer, &clean.File, &clean.Document, &clean.Fix} {
		*text = r.Text(*text)
	}
	return &clean
}

func isSecret(err error) bool {
	var missing *secrets.Error
	return errors.As(err, &missing)
}
