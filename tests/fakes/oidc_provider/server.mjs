// A real OpenID provider (npm: oidc-provider) whose people, keys and client are set by POST /control.
// Usage: node server.mjs PORT
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [port] = process.argv.slice(2);
const { subtle } = globalThis.crypto;
let issuer = `http://127.0.0.1:${port}`;
let people = {};
let client = { redirect_uris: ['http://127.0.0.1:1/none'], post_logout_redirect_uris: [] };
let keys = [];
let handle;

async function makeKey() {
  const pair = await subtle.generateKey(
    { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
    true, ['sign', 'verify'],
  );
  const made = await subtle.exportKey('jwk', pair.privateKey);
  return { kty: made.kty, n: made.n, e: made.e, d: made.d, p: made.p, q: made.q, dp: made.dp, dq: made.dq, qi: made.qi,
    kid: `key-${Math.random().toString(36).slice(2)}`, use: 'sig', alg: 'RS256' };
}

function build() {
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'receiver', client_secret: 'a-secret-of-the-client', ...client,
      grant_types: ['authorization_code', 'refresh_token'] }],
    jwks: { keys },
    cookies: { keys: ['a-key-of-the-cookies'] },
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] },
    scopes: ['openid', 'offline_access', 'groups'],
    pkce: { required: () => true },
    issueRefreshToken: async () => true,
    rotateRefreshToken: true,
    findAccount: async (ctx, id) => people[id] && { accountId: id, claims: async () => ({ sub: id, ...people[id] }) },
    // Nobody is asked for consent: the client is the organization's own.
    loadExistingGrant: async (ctx) => {
      const grant = new provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid profile email groups offline_access');
      await grant.save();
      return grant;
    },
    ttl: { AccessToken: 3600, IdToken: 3600, RefreshToken: 86400, Session: 86400, Grant: 86400, Interaction: 3600 },
  });
  handle = provider.callback();
}

async function control(request, response) {
  let text = '';
  for await (const piece of request) text += piece;
  const said = JSON.parse(text);
  if (said.issuer) issuer = said.issuer;
  if (said.people) people = said.people;
  if (said.client) client = said.client;
  // The old key stays listed behind the new one, as a rotation does it; `alone`: it is gone.
  if (said.rotate) keys = [await makeKey(), ...(said.rotate === 'alone' ? [] : keys)];
  build();
  response.end('{}');
}

keys = [await makeKey()];
build();
createServer((request, response) => {
  if (request.method === 'POST' && request.url === '/control') control(request, response);
  else handle(request, response);
}).listen(Number(port), '127.0.0.1', () => console.log('listening'));
