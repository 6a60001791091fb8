// Lists and calls tools with the official TypeScript client.
//
// Usage: check_typescript.cjs FOLDER GENERATION MODE FILE http URL
//        check_typescript.cjs FOLDER GENERATION MODE FILE stdio RUNNER
// FOLDER is where npm installed the clients, GENERATION 1 or 2, MODE legacy or auto (2 only), FILE the gantz.yaml
// that is served. Prints one JSON object.

const fs = require("node:fs");
const { createRequire } = require("node:module");
const path = require("node:path");

const [folder, generation, mode, file, transport, where] = process.argv.slice(2);
const load = createRequire(path.join(folder, "package.json"));

function library() {
  if (generation === "1") {
    const { Client } = load("@modelcontextprotocol/sdk/client/index.js");
    const { StdioClientTransport } = load("@modelcontextprotocol/sdk/client/stdio.js");
    const { StreamableHTTPClientTransport } = load("@modelcontextprotocol/sdk/client/streamableHttp.js");
    return { Client, StdioClientTransport, StreamableHTTPClientTransport };
  }
  const { Client, StreamableHTTPClientTransport } = load("@modelcontextprotocol/client");
  const { StdioClientTransport } = load("@modelcontextprotocol/client/stdio");
  return { Client, StdioClientTransport, StreamableHTTPClientTransport };
}

const { Client, StdioClientTransport, StreamableHTTPClientTransport } = library();

// The first generation takes a result's schema before the options.
function call(client, params, options) {
  return generation === "1" ? client.callTool(params, undefined, options) : client.callTool(params, options);
}

async function failure(promise) {
  try {
    return { result: await promise };
  } catch (error) {
    return { error: { name: error.name, code: error.code ?? null, message: String(error.message) } };
  }
}

async function main() {
  let changed;
  const another = new Promise((resolve) => { changed = resolve; });
  const options = {
    listChanged: { tools: { autoRefresh: true, debounceMs: 0, onChanged: (error, tools) => changed(error ?? tools) } },
  };
  if (generation === "2") options.versionNegotiation = { mode };
  const client = new Client({ name: "checks", version: "0" }, options);
  let agreed = null;
  const way = transport === "http"
    ? new StreamableHTTPClientTransport(new URL(where))
    : new StdioClientTransport({ command: where, args: ["serve", file, "--stdio"], stderr: "ignore" });
  if (generation === "1") way.setProtocolVersion = ((set) => (version) => { agreed = version; set?.call(way, version); })(way.setProtocolVersion);
  await client.connect(way);

  const tools = (await client.listTools()).tools;
  const structured = await client.callTool({ name: "structured", arguments: { count: 7 } });
  const bad = await failure(client.callTool({ name: "structured", arguments: { count: "x" } }));
  const breaks = await failure(client.callTool({ name: "breaks", arguments: {} }));
  const unknown = await failure(client.callTool({ name: "no_such_tool", arguments: {} }));

  const abort = new AbortController();
  const waiting = failure(call(client, { name: "waits", arguments: { seconds: 600 } }, { signal: abort.signal, timeout: 600_000 }));
  // Only one runs at once, so the next one is answered when the cancelled one is over.
  setTimeout(() => abort.abort("enough"), 300);
  const cancelled = await waiting;
  const after = await call(client, { name: "waits", arguments: { seconds: 0 } }, { timeout: 50_000 });

  const progress = [];
  await call(client, { name: "tells", arguments: {} }, { onprogress: (told) => progress.push(told) });

  const text = fs.readFileSync(file, "utf8");
  fs.writeFileSync(`${file}.new`, text.replace("Wait; one at a time", "Wait, as before"));
  fs.renameSync(`${file}.new`, file);
  const list = await another;
  const version = generation === "1" ? agreed : client.getNegotiatedProtocolVersion();
  console.log(JSON.stringify({
    version,
    tools: tools.map((tool) => tool.name),
    structured: structured.structuredContent,
    bad, breaks, unknown,
    cancelled: Object.keys(cancelled),
    after: after.isError ?? false,
    progress,
    changed: Array.isArray(list) ? list.map((tool) => tool.description) : String(list),
  }));
  await client.close();
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
