// An OpenID provider for tests: oidc-provider with users, clients and access tokens as JWT. Anybody who reaches it gets any
// token that the tests need, so it listens on the loopback alone.
// Usage: node provider.mjs PORT SECRET KEYS_FILE
// KEYS_FILE holds the private keys (JWKS); it is made when it is not there. Tests sign tokens of their own with them.
import { createPrivateKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import Provider from 'oidc-provider';

const [port, secret, keysFile] = process.argv.slice(2);
if (!existsSync(keysFile)) {
  const jwk = (kind, options, more) => ({ ...generateKeyPairSync(kind, options).privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', ...more });
  writeFileSync(keysFile, JSON.stringify({ keys: [jwk('rsa', { modulusLength: 2048 }, { alg: 'RS256' }), jwk('ec', { namedCurve: 'P-256' }, { alg: 'ES256' })] }), { mode: 0o600 });
}
const jwks = JSON.parse(readFileSync(keysFile, 'utf8'));
for (const key of jwks.keys) createPrivateKey({ key, format: 'jwk' }); // fails here rather than at the first token

// name -> what their tokens say; the login page takes any password.
const roles = { none: [], read: ['viewer'], write: ['uploader'], delete: ['remover'], admin: ['administrator'], operate: ['operator'],
  all: ['viewer', 'uploader', 'remover', 'administrator', 'operator'] };
const claimsOf = (role, tenant) => ({ tenant, realm_access: { roles: roles[role] }, resource_access: { gantry: { roles: roles[role] } } });
const users = { ann: claimsOf('read', 'default'), bob: claimsOf('all', 'default'), eve: claimsOf('all', 'other'), tom: claimsOf('none', 'default') };
// Machines: robot-ROLE-TENANT, by client credentials.
const machines = Object.fromEntries(Object.keys(roles).flatMap(role => ['default', 'other'].map(tenant => [`robot-${role}-${tenant}`, claimsOf(role, tenant)])));

const server = (audience, seconds, alg = 'RS256') => ({ scope: 'openid dicom.read dicom.write', audience, accessTokenFormat: 'jwt', accessTokenTTL: seconds, jwt: { sign: { alg } } });
const servers = { 'urn:gantry': server('gantry', 600), 'urn:gantry:es256': server('gantry', 600, 'ES256'), 'urn:billing': server('billing', 600) };

const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  jwks,
  clients: [
    { client_id: 'viewer', token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], redirect_uris: ['http://127.0.0.1/callback'], application_type: 'web', scope: 'openid dicom.read dicom.write offline_access' },
    ...Object.keys(machines).map(id => ({ client_id: id, client_secret: secret, grant_types: ['client_credentials'], response_types: [], redirect_uris: [], scope: 'dicom.read dicom.write' })),
  ],
  clientBasedCORS: () => true,
  cookies: { keys: [secret] },
  pkce: { methods: ['S256'], required: () => true },
  scopes: ['openid', 'offline_access', 'dicom.read', 'dicom.write'],
  findAccount: (_, id) => users[id] && { accountId: id, claims: () => ({ sub: id, name: id }) },
  extraTokenClaims: (_, token) => users[token.accountId] ?? machines[token.clientId],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true },
    resourceIndicators: { enabled: true, defaultResource: () => 'urn:gantry', useGrantedResource: () => true, getResourceServerInfo: (_, resource) => servers[resource] ?? Promise.reject(new Error(`no resource ${resource}`)) },
  },
  loadExistingGrant: async context => {
    // Nobody is asked for consent: the tests are about logging in.
    const grant = new context.oidc.provider.Grant({ clientId: context.oidc.client.clientId, accountId: context.oidc.session.accountId });
    grant.addOIDCScope('openid offline_access dicom.read dicom.write');
    for (const resource of Object.keys(servers)) grant.addResourceScope(resource, 'openid dicom.read dicom.write');
    await grant.save();
    return grant;
  },
});
// A viewer under test has a port of its own each time.
provider.Client.prototype.redirectUriAllowed = uri => new URL(uri).hostname === '127.0.0.1';
provider.Client.prototype.postLogoutRedirectUriAllowed = uri => new URL(uri).hostname === '127.0.0.1';
provider.on('server_error', (_, error) => console.error(error));
provider.listen(Number(port), '127.0.0.1', () => console.log(`issuer ${issuer}`));
