package http

const configSchema = `{
  "type": "object",
  "title": "HTTP listener",
  "required": ["listen"],
  "additionalProperties": false,
  "properties": {
    "listen": {
      "type": "string",
      "minLength": 1,
      "title": "Address",
      "description": "Address and port to listen on, as 127.0.0.1:8088. Captures that name the same one share the listener."
    },
    "tls": {
      "type": "object",
      "title": "TLS",
      "description": "Certificate for HTTPS. Relative paths are relative to the data directory. The files are read again when they change.",
      "required": ["certificate", "key"],
      "additionalProperties": false,
      "properties": {
        "certificate": {"type": "string", "minLength": 1, "title": "Certificate", "description": "File of the certificate and its chain, in PEM."},
        "key": {"type": "string", "minLength": 1, "title": "Key", "description": "File of the private key, in PEM."}
      }
    },
    "tokens": {
      "type": "array",
      "title": "Bearer tokens",
      "description": "Requests must carry one of them, as Authorization: Bearer <token>.",
      "secret": true,
      "items": {"type": "string", "minLength": 16, "secret": true, "title": "Token", "description": "At least 16 characters."}
    },
    "signature": {
      "type": "object",
      "title": "Signature",
      "description": "Requests must be signed by HMAC with one of the secrets. Either a preset, or a header with what belongs to it.",
      "required": ["secrets"],
      "additionalProperties": false,
      "properties": {
        "preset": {"enum": ["github", "stripe", "standard-webhooks", "slack"], "title": "Preset", "description": "How a known sender signs."},
        "secrets": {"type": "array", "minItems": 1, "secret": true, "items": {"type": "string", "minLength": 1, "secret": true, "title": "Secret", "description": "A secret shared with the sender."}, "title": "Secrets", "description": "Several, so that they can be rotated."},
        "header": {"type": "string", "minLength": 1, "title": "Header", "description": "The header that holds the signature."},
        "algorithm": {"enum": ["sha256", "sha512"], "default": "sha256", "title": "Algorithm", "description": "The hash function of the HMAC."},
        "encoding": {"enum": ["hex", "base64"], "default": "hex", "title": "Encoding", "description": "How the signature is written."},
        "prefix": {"type": "string", "default": "", "title": "Prefix", "description": "What stands before the signature in the header, as sha256=."},
        "separator": {"enum": ["", ",", " "], "default": "", "title": "Separator", "description": "What stands between several signatures in the header; empty: there is one."},
        "content": {"type": "string", "default": "{body}", "title": "Content", "description": "What is signed: a text with {body}, {timestamp} and {id} in it."},
        "timestampHeader": {"type": "string", "title": "Timestamp's header", "description": "The header of {timestamp}, in seconds since 1970."},
        "timestampPrefix": {"type": "string", "title": "Timestamp's prefix", "description": "Where the timestamp is an item of the signature's header: what it begins with, as t=."},
        "idHeader": {"type": "string", "title": "Id's header", "description": "The header of {id}. It is the idempotency key unless another header is named."},
        "tolerance": {"type": "string", "default": "5m", "title": "Tolerance", "description": "How far a timestamp may be from now."}
      }
    },
    "allowAnonymous": {
      "type": "boolean",
      "default": false,
      "title": "Allow anonymous requests",
      "description": "Listen on an address that others reach without tokens or signature."
    },
    "idempotency": {
      "type": "object",
      "title": "Idempotency",
      "description": "A request whose key came before is answered as then, and nothing is written.",
      "additionalProperties": false,
      "properties": {
        "header": {"type": "string", "minLength": 1, "default": "Idempotency-Key", "title": "Header", "description": "The header of the key; webhook-id with the preset standard-webhooks."},
        "keys": {"type": "integer", "minimum": 1, "maximum": 1000000, "default": 100000, "title": "Keys", "description": "How many keys are remembered."},
        "age": {"type": "string", "default": "24h", "title": "Age", "description": "How long a key is remembered."}
      }
    },
    "allowedCorsOrigins": {
      "type": "array",
      "items": {"type": "string", "minLength": 1, "title": "Origin", "description": "As https://example.com, or * for all."},
      "title": "Allowed CORS origins",
      "description": "Web pages of these origins may post."
    },
    "maxRequestBytes": {"type": "integer", "minimum": 1024, "maximum": 67108864, "default": 8388608, "title": "Largest request", "description": "In bytes, unpacked."},
    "maxPendingBytes": {"type": "integer", "minimum": 1024, "default": 67108864, "title": "Memory", "description": "For all requests of this capture that are not answered yet, in bytes: at least four times maxRequestBytes, which is the default where that is more. What exceeds it is answered with 429."},
    "timeout": {"type": "string", "default": "30s", "title": "Timeout", "description": "How long a request waits for its documents to be durable before it is answered with 503."}
  }
}`

const resourceSchema = `{
  "type": "object",
  "title": "HTTP path",
  "required": ["path"],
  "additionalProperties": false,
  "properties": {
    "path": {
      "type": "string",
      "pattern": "^/",
      "title": "Path",
      "description": "Path that documents are posted to. A segment in braces, as in /hooks/{tenant}, stands for any one.",
      "x-collection-name": true
    },
    "meta": {
      "type": "object",
      "title": "Metadata",
      "description": "What of a request goes into its documents, under /_meta. What the collection's key names there is added without being asked for.",
      "additionalProperties": false,
      "properties": {
        "webhookId": {"type": "boolean", "default": false, "title": "Id", "description": "/_meta/webhookId: the request's idempotency key, or one that is made up; documents of an array or of lines have their number behind it."},
        "receivedAt": {"type": "boolean", "default": false, "title": "Time", "description": "/_meta/receivedAt: when the request came."},
        "path": {"type": "boolean", "default": false, "title": "Path", "description": "/_meta/path, and /_meta/pathParams with the segments that braces stand for."},
        "headers": {"type": "array", "items": {"type": "string", "minLength": 1, "title": "Header", "description": "Its name."}, "title": "Headers", "description": "/_meta/headers/<name in lower case> of those that the request has."},
        "query": {"type": "array", "items": {"type": "string", "minLength": 1, "title": "Parameter", "description": "Its name."}, "title": "Query parameters", "description": "/_meta/query/<name> of those that the request has."}
      }
    }
  }
}`
