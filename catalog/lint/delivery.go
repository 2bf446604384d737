package lint

import (
	"encoding/json"

	"weir/catalog"
)

// deliveryRules are about what endpoints promise.
var deliveryRules = []Rule{
	{
		Name:  "core-subject",
		Finds: "a capture of a core NATS subject",
		Why:   "NATS keeps nothing of a core subject: what is published while the capture does not listen, or is not durable yet when it ends, is gone",
		Do:    "let a stream take the subject (`nats stream add --subjects ...`) and capture that, which loses nothing, or accept at most once",
		check: func(r *run) {
			for _, name := range catalog.Names(r.catalog.Captures) {
				c := r.catalog.Captures[name]
				for i, b := range c.Bindings {
					var resource struct {
						Subject string `json:"subject"`
					}
					if c.Endpoint.Kind != "nats" || json.Unmarshal(b.Resource, &resource) != nil || resource.Subject == "" || b.Disable {
						continue
					}
					r.warn(r.within(c.Origin, "captures", name, "bindings", i), name, "%s is a core subject: at most once", resource.Subject)
				}
			}
		},
	},
}
