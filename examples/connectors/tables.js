// A materialization connector: tables in one file of JSON, which is replaced as a whole. Rows and
// Weir's checkpoint stand in it side by side, so each document has its effect exactly once.
// It speaks the protocol as lines of JSON; docs/connectors/local.md explains each message.
const fs = require("fs"), readline = require("readline");

const CONFIG = { type: "object", required: ["path"], additionalProperties: false, properties: {
  path: { type: "string", title: "Path", description: "The file, made if it does not exist." } } };
const RESOURCE = { type: "object", required: ["table"], additionalProperties: false, properties: {
  table: { type: "string", title: "Table", "x-collection-name": true } } };

const say = (message) => process.stdout.write(JSON.stringify(message) + "\n");
const read = (path) => fs.existsSync(path) ? JSON.parse(fs.readFileSync(path)) : { tables: {}, checkpoints: {}, owners: {} };
const write = (path, data) => { fs.writeFileSync(path + ".new", JSON.stringify(data)); fs.renameSync(path + ".new", path); };
const refuse = (text) => { console.error(text); process.exit(1); };

let path, bindings, shard, owner, loads = [], stores = [];
const answer = {
  spec: () => say({ spec: { protocol: 3032023, configSchema: CONFIG, resourceConfigSchema: RESOURCE } }),
  validate: (r) => say({ validated: { bindings: r.bindings.map((b) => ({
    resourcePath: [b.resourceConfig.table],
    projectionConstraints: b.collection.projections.map((p) => ({ field: p.field, constraint:
      { type: p.isPrimaryKey || p.ptr === "" ? "LOCATION_REQUIRED" : "FIELD_OPTIONAL", reason: "the document is kept whole" } })),
  })) } }),
  apply: (r) => { // a raised backfill counter empties a table, and fences off sessions from before
    const file = r.materialization.config.path, data = read(file), made = [];
    for (const b of r.materialization.bindings) {
      if (data.tables[b.stateKey]) continue;
      for (const key in data.tables) if (data.tables[key].name === b.resourcePath[0]) delete data.tables[key];
      data.tables[b.stateKey] = { name: b.resourcePath[0], rows: {} };
      made.push("table " + b.resourcePath[0]);
    }
    if (made.length) { data.owners = {}; write(file, data); }
    say({ applied: { actionDescription: made.join(", ") } });
  },
  open: (r) => {
    path = r.materialization.config.path; bindings = r.materialization.bindings; shard = r.range.keyBegin;
    const data = read(path);
    data.owners[shard] = owner = `${process.pid}-${process.hrtime.bigint()}`;
    write(path, data);
    say({ opened: { runtimeCheckpoint: data.checkpoints[shard] || {} } });
  },
  acknowledge: () => say({ acknowledged: {} }),
  load: (r) => loads.push(r),
  flush: () => {
    const { tables } = read(path);
    for (const { binding, keyPacked } of loads) {
      const doc = (tables[bindings[binding].stateKey] || { rows: {} }).rows[keyPacked];
      if (doc) say({ loaded: { binding, doc } });
    }
    loads = [];
    say({ flushed: {} });
  },
  store: (r) => stores.push(r),
  startCommit: (r) => {
    const data = read(path);
    if (data.owners[shard] !== owner) refuse("this session was fenced off by another");
    for (const { binding, keyPacked, doc, delete: gone } of stores) {
      const { rows } = data.tables[bindings[binding].stateKey];
      if (gone) delete rows[keyPacked]; else rows[keyPacked] = doc;
    }
    data.checkpoints[shard] = r.runtimeCheckpoint; stores = [];
    write(path, data);
    say({ startedCommit: {} });
  },
};
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  for (const [kind, body] of Object.entries(JSON.parse(line))) answer[kind](body);
});
