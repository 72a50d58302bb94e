// https and wss on the listener's own port, with the certificate that it has made for itself.

import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import tls from 'node:tls'
import { connected, launchChromium, pairInBrowser, profile } from './browser.mjs'
import { get, upgrade } from './curl.mjs'
import { bearer, close, exchange, open, pair, refusal, request, run, startDoorward, within } from './harness.mjs'

const NONCE = 'bm9uY2Ugb2YgdGhlIHRscyB0ZXN0'

async function startSecured(t) {
  const doorward = await startDoorward(t, { args: ['--tls-self-signed'] })
  const certificate = join(doorward.stateDir, 'certificate.pem')
  const ca = readFileSync(certificate)
  const key = readFileSync(join(doorward.stateDir, 'certificate.key'), 'utf8')
  assert.ok(!doorward.stderr().includes(key.split('\n')[1]), 'the key is in the log')
  return { doorward, certificate, ca }
}

test('tls: the ready line and the link tell the digest of the certificate', async t => {
  const { doorward, ca } = await startSecured(t)
  assert.match(doorward.http, /^https:/)
  assert.match(doorward.websocket, /^wss:/)
  const digest = createHash('sha256').update(new X509Certificate(ca).raw).digest()
  assert.equal(doorward.ready.certificate_sha256, digest.toString('hex'))
  const { url } = await pair(doorward)
  for (const link of [doorward.pairingUrl, url]) {
    assert.equal(new URL(link).hash.split('.')[1], digest.toString('base64url'))
  }
})

test('tls: curl verifies the certificate, pairs, gets a cookie for https alone and opens a wss', async t => {
  const { doorward, certificate } = await startSecured(t)
  const verified = ['--cacert', certificate]
  const bootstrap = `${doorward.http}/.doorward/api/bootstrap`
  const paired = await get(bootstrap, { Origin: doorward.origin, 'Content-Type': 'application/json' },
    { data: JSON.stringify({ credential: doorward.grant, nonce: NONCE }), options: verified })
  assert.equal(paired.status, 200, paired.body)
  const [, cookie, attributes] = paired.head.match(/^set-cookie: (__Host-doorward=[^;]+); (.*)$/im)
  doorward.secret('token', cookie.split('=')[1])
  for (const attribute of ['Secure', 'HttpOnly', 'SameSite=Lax', 'Path=/']) assert.ok(attributes.split('; ').includes(attribute), attribute)
  assert.ok(!/domain/i.test(attributes))

  const headers = { Cookie: cookie, Origin: doorward.origin }
  const session = await get(`${doorward.http}/.doorward/api/session`, headers, { options: verified })
  assert.equal(JSON.parse(session.body).authenticated, true, session.body)
  assert.match(await upgrade(`${doorward.http}/echo`, headers, verified), /^HTTP\/1\.1 101 /)
  const plain = { ...headers, Origin: doorward.origin.replace('https', 'http') }
  assert.match(await upgrade(`${doorward.http}/echo`, plain, verified), /^HTTP\/1\.1 403 /)

  const unverified = await run('curl', ['-q', '-sS', doorward.http])
  assert.equal(unverified.status, 60, 'curl trusts a certificate that nobody told it about')
  const told = await get(doorward.http.replace('https', 'http'))
  assert.equal(told.status, 400)
  assert.match(told.body, /https:\/\//)
})

test('tls: node ws over wss by bearer and by cookie, and only with the certificate', async t => {
  const { doorward, ca } = await startSecured(t)
  const answer = await request(`${doorward.http}/.doorward/api/token`, { method: 'POST', json: { credential: doorward.grant, nonce: NONCE }, ca })
  assert.equal(answer.status, 200, answer.text)
  const token = doorward.secret('token', answer.json.access_token)
  const url = `${doorward.websocket}/echo`
  for (const options of [
    { headers: bearer(token) },
    { headers: { Cookie: `${doorward.cookieName}=${token}` }, origin: doorward.origin },
  ]) {
    const socket = await open(url, [], { ...options, ca })
    const long = 'across several records '.repeat(4096)
    assert.equal(await exchange(socket, long), long)
    assert.equal((await close(socket)).code, 1000)
  }
  assert.equal((await refusal(url, [], { ca })).status, 401)
  assert.match((await refusal(url, [], { headers: bearer(token) })).message, /self-signed certificate/)
})

//= req: HTTP-7, type=test
test('tls: nothing below TLS 1.3 and nothing but HTTP/1.1 is spoken', async t => {
  const { doorward, ca } = await startSecured(t)
  const handshake = async options => {
    const socket = tls.connect({ host: '127.0.0.1', port: doorward.port, ca, ...options })
    try {
      await within(once(socket, 'secureConnect'), 'the handshake')
      return `${socket.getProtocol()} ${socket.alpnProtocol}`
    } catch (error) {
      return error.code
    } finally {
      socket.destroy()
    }
  }
  assert.equal(await handshake({}), 'TLSv1.3 false')
  assert.equal(await handshake({ ALPNProtocols: ['h2', 'http/1.1'] }), 'TLSv1.3 http/1.1')
  assert.equal(await handshake({ ALPNProtocols: ['h2'] }), 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL')
  assert.equal(await handshake({ maxVersion: 'TLSv1.2' }), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
})

test('tls: chromium opens the link with the pin, pairs, and the console echoes over wss', async t => {
  const { doorward } = await startSecured(t)
  const browser = await launchChromium(t)
  const person = await profile(browser, doorward, { ignoreHTTPSErrors: true })
  const sockets = []
  person.page.on('websocket', socket => sockets.push(socket.url()))
  await pairInBrowser(doorward, person)

  const { page } = person
  assert.equal(new URL(page.url()).hash, '', 'the grant is still in the address bar')
  await page.goto(`${doorward.http}/`)
  await connected(page)
  await page.locator('#echo-input').fill('across TLS')
  await page.locator('#echo-send').click()
  await page.locator('#echo-log', { hasText: 'across TLS' }).waitFor()
  assert.ok(sockets.length > 0 && sockets.every(url => url.startsWith('wss:')), `${sockets}`)
  assert.deepEqual(person.complaints, [])
})

test('tls: a link with the pin can be pasted into the pairing page', async t => {
  const { doorward } = await startSecured(t)
  const browser = await launchChromium(t)
  const person = await profile(browser, doorward, { ignoreHTTPSErrors: true })
  await person.page.goto(`${doorward.http}/.doorward/pair`)
  await person.page.locator('#code').fill(doorward.pairingUrl)
  await person.page.locator('#pair-button').click()
  await connected(person.page)
})
