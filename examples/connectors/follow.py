# A capture connector: follows text files of a directory, a document for each line.
# It speaks the protocol as lines of JSON; docs/connectors/local.md explains each message.
import itertools, json, os, sys, threading, time

CONFIG = {"type": "object", "required": ["directory"], "additionalProperties": False, "properties": {
    "directory": {"type": "string", "title": "Directory", "description": "Where the files are."}}}
RESOURCE = {"type": "object", "required": ["file"], "additionalProperties": False, "properties": {
    "file": {"type": "string", "title": "File", "description": "Name of the file in the directory."}}}
DOCUMENT = {"type": "object", "required": ["file", "line", "text"], "properties": {
    "file": {"type": "string"}, "line": {"type": "integer", "minimum": 1}, "text": {"type": "string"}}}

def say(**message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()

def wait_for_end():  # Weir closes standard input when the session is over
    sys.stdin.read()
    os._exit(0)

def capture(config, bindings, state):
    done = state.get("done", {})  # for each binding's state key: [bytes, lines]
    while True:
        idle = True
        for index, binding in enumerate(bindings):
            name, key = binding["resourceConfig"]["file"], binding["stateKey"]
            offset, line = done.get(key, [0, 0])
            try:
                with open(os.path.join(config["directory"], name), "rb") as file:
                    file.seek(offset)
                    lines = list(itertools.islice(file, 500))  # one checkpoint fits into one transaction
            except FileNotFoundError:
                continue
            if lines and not lines[-1].endswith(b"\n"):
                lines.pop()  # it is still being written
            for text in lines:
                line += 1
                say(captured={"binding": index, "doc": {"file": name, "line": line, "text": text[:-1].decode("utf-8", "replace")}})
            if lines:
                idle, done[key] = False, [offset + sum(map(len, lines)), line]
                say(checkpoint={"state": {"updated": {"done": {key: done[key]}}, "mergePatch": True}})
        if idle:
            time.sleep(0.05)

for request in map(json.loads, sys.stdin):
    (kind, body), = request.items()
    if kind == "spec":
        say(spec={"protocol": 3032023, "configSchema": CONFIG, "resourceConfigSchema": RESOURCE})
    elif kind == "discover":
        files = sorted(f for f in os.listdir(body["config"]["directory"]) if not f.startswith("."))
        say(discovered={"bindings": [{"recommendedName": f, "resourceConfig": {"file": f}, "documentSchema": DOCUMENT,
                                      "key": ["/file", "/line"], "resourcePath": [f]} for f in files]})
    elif kind == "validate":
        say(validated={"bindings": [{"resourcePath": [b["resourceConfig"]["file"]]} for b in body["bindings"]]})
    elif kind == "apply":
        say(applied={})
    elif kind == "open":
        say(opened={})
        threading.Thread(target=wait_for_end, daemon=True).start()
        capture(body["capture"]["config"], body["capture"]["bindings"], body["state"])
