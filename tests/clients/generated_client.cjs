// Generate a client from the OpenAPI document of a running service, and walk an incident through its life with it.
// Arguments: the address of the service, a token, a folder to write to. Prints what came back as JSON.
const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript');

const [, , url, token, folder] = process.argv;

// Types are erased, not checked: that would take the compiler many seconds.
function compile(from) {
  for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
    const file = path.join(from, entry.name);
    if (entry.isDirectory()) compile(file);
    else if (file.endsWith('.ts')) {
      const compilerOptions = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS };
      const made = ts.transpileModule(fs.readFileSync(file, 'utf8'), { compilerOptions });
      fs.writeFileSync(file.replace(/\.ts$/, '.js'), made.outputText);
    }
  }
}

async function main() {
  const { createClient } = await import('@hey-api/openapi-ts');
  const input = path.join(folder, 'openapi.json');
  fs.writeFileSync(input, await (await fetch(`${url}/api/openapi.json`)).text());
  const output = path.join(folder, 'client');
  await createClient({
    input, output, plugins: ['@hey-api/client-fetch', '@hey-api/sdk'], logs: { level: 'silent' },
  });
  compile(output);
  const { client } = require(path.join(output, 'client.gen.js'));
  const sdk = require(path.join(output, 'sdk.gen.js'));
  const types = fs.readFileSync(path.join(output, 'types.gen.ts'), 'utf8');
  client.setConfig({ baseUrl: url, headers: { Authorization: `Bearer ${token}` }, throwOnError: true });

  const { data: opened } = await sdk.postIncidents({ body: { title: 'Checkout fails', severity: 'SEV-3' } });
  const at = { path: { id: opened.id } };
  await sdk.postIncidentsIdAcknowledge({ ...at, body: {} });
  await sdk.postIncidentsIdNotes({ ...at, body: { text: 'looking' } });
  await sdk.postIncidentsIdResolve({ ...at, body: {} });
  const { data: one } = await sdk.getIncidentsId(at);
  const { data: list } = await sdk.getIncidents({ query: { severity: ['SEV-3'] } });
  const refused = await sdk.getIncidentsId({ path: { id: 'INC-1-0' }, throwOnError: false });
  const enums = [...types.matchAll(/export type (\w*) = ((?:'SEV-\d'(?: \| )?){2,})/g)].map((found) => found[1]);
  process.stdout.write(
    JSON.stringify({
      one, ids: list.items.map((item) => item.id), refused: refused.error, enums,
      servers: (types.match(/baseUrl: .*/) || [''])[0], operations: Object.keys(sdk).length,
    }),
  );
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
