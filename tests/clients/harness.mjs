// What every scenario shares: a real `doorward serve` on a fresh state directory, plain HTTP without a
// library's own opinions on headers, the third-party clients, and the watch over secrets.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { randomBytes } from 'node:crypto'
import assert from 'node:assert/strict'

const tools = required('DOORWARD_TEST_TOOLS')
const binary = required('DOORWARD_BIN')
export const require = createRequire(join(tools, 'node', 'package.json'))

export const { WebSocket, WebSocketServer } = require('ws')
export const python = join(tools, 'venv', 'bin', 'python')
export const cookieName = port => `doorward_${port}`

/** Names the variable that sets how much a listener logs. */
const LOG_VARIABLE = 'DOORWARD_LOG'

/** Settings for a race: thousands of refused redemptions from one address within seconds, by clients that wait for each other. */
export const RAISED_LIMITS = `
[http]
head_deadline = "60s"

[guesses]
codes_per_minute = 1000000
others_per_minute = 1000000

[connections]
unadmitted = 4096
per_address = 4096
`

function required(name) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run these through tests/run`)
  return value
}

const temporary = []
process.on('exit', () => {
  for (const path of temporary) rmSync(path, { recursive: true, force: true, maxRetries: 3 })
})

/** A directory that goes when this file's process ends, after everything in it was looked at. */
export function temporaryDirectory() {
  temporary.push(mkdtempSync(join(tmpdir(), 'doorward-test-')))
  return temporary.at(-1)
}

/** Fails, instead of hanging, when something that must happen doesn't. */
export function within(promise, what, milliseconds = 15_000) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${milliseconds} ms`)), milliseconds)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

// ---------------------------------------------------------------------------------------------------------
// Doorward itself

/**
 * Starts `doorward serve`, waits for its ready line, and stops it when the test ends. Stopping checks that it
 * drained with status 0 and that none of the secrets of the run can be found outside.
 */
export async function startDoorward(t, { args = [], config, stateDir = temporaryDirectory(), log = 'debug' } = {}) {
  const home = temporaryDirectory()
  const serve = ['serve', '--listen', '127.0.0.1:0', '--state-dir', stateDir, '--ready-json', ...args]
  if (config) {
    writeFileSync(join(home, 'doorward.toml'), config)
    serve.push('--config', join(home, 'doorward.toml'))
  }
  const env = { PATH: process.env.PATH, HOME: home, [LOG_VARIABLE]: log }
  const child = spawn(binary, serve, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'exit')
  let stderr = ''
  child.stderr.on('data', chunk => { stderr += chunk })
  const lines = createInterface({ input: child.stdout })
  const refused = ended.then(([status]) => {
    throw new Error(`doorward serve ended with ${status}:\n${stderr}`)
  })
  refused.catch(() => {})
  const [line] = await within(Promise.race([once(lines, 'line'), refused]), 'the ready line')
  const ready = JSON.parse(line)
  assert.equal(ready.event, 'ready')
  const more = []
  lines.on('line', text => more.push(text))

  const { port } = new URL(ready.http)
  const doorward = {
    ready, stateDir, port,
    pid: child.pid,
    http: ready.http.replace(/\/$/, ''),
    websocket: ready.websocket.replace(/\/$/, ''),
    origin: new URL(ready.http).origin,
    cookieName: ready.http.startsWith('https:') ? '__Host-doorward' : cookieName(port),
    pairingUrl: ready.pairing_url,
    // The certificate's pin follows it in a link, where there is one.
    // Without a guard there is no link.
    grant: ready.pairing_url && new URL(ready.pairing_url).hash.slice(1).split('.')[0],
    secrets: new Map(),
    stderr: () => stderr,
    secret(kind, value) { this.secrets.set(value, kind); return value },
    cli: async (...words) => JSON.parse(await runDoorward(env, [...words, '--state-dir', stateDir])),
    /** A command that has nothing to say for programs. */
    tell: (...words) => runDoorward(env, [...words, '--state-dir', stateDir]),
    /** The audit log so far, including what is not in its file yet. */
    async audit() {
      const lines = await runDoorward(env, ['audit', '--json', '--state-dir', stateDir])
      return lines.trim().split('\n').map(line => JSON.parse(line))
    },
    async stop() {
      if (this.stopped) return
      this.stopped = true
      if (child.exitCode === null) {
        const outside = processFiles(child.pid)
        child.kill('SIGTERM')
        const [status, signal] = await within(ended, 'the drain').catch(error => { child.kill('SIGKILL'); throw error })
        assert.equal(status ?? signal, 0, `serve ended badly:\n${stderr}`)
        findSecrets(this, outside)
      }
      assert.deepEqual(more, [], '--ready-json prints exactly one line')
    },
  }
  if (doorward.grant) doorward.secret('grant', doorward.grant)
  // A test that failed already shows its own reason; the process must go either way.
  t.after(async () => { try { await doorward.stop() } finally { child.kill('SIGKILL') } })
  return doorward
}

async function runDoorward(env, args) {
  const child = spawn(binary, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => { stdout += chunk })
  child.stderr.on('data', chunk => { stderr += chunk })
  const [status] = await within(once(child, 'close'), `doorward ${args[0]}`)
  assert.equal(status, 0, `doorward ${args.join(' ')}:\n${stderr}`)
  return stdout
}

/** `doorward pair --json` beside the running listener. */
export async function pair(doorward, ...args) {
  const issued = await doorward.cli('pair', '--json', ...args)
  doorward.secret('grant', issued.credential)
  return issued
}

// ---------------------------------------------------------------------------------------------------------
// Secrets

function processFiles(pid) {
  const read = name => readFileSync(`/proc/${pid}/${name}`)
  return { 'its command line': read('cmdline'), 'its environment': read('environ') }
}

/** Every spelling under which a secret could slip out. */
function spellings(secret) {
  const found = [secret]
  for (const part of secret.split('.')) {
    const bytes = Buffer.from(part, 'base64url')
    if (bytes.length < 16) continue
    found.push(bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, ''), bytes)
    if (part !== secret) found.push(part)
  }
  if (/^[2-9A-Z]{4}(-[2-9A-Z]{4}){2}$/.test(secret)) found.push(secret.replaceAll('-', ''))
  return found
}

/** Searches all that outlives a run. The store may know nonces, but no credential. */
export function findSecrets(doorward, outside = processFiles(doorward.pid)) {
  const places = { ...outside, 'the log': Buffer.from(doorward.stderr()) }
  for (const entry of readdirSync(doorward.stateDir, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) places[entry.name] = readFileSync(join(entry.parentPath ?? entry.path, entry.name))
  }
  for (const [secret, kind] of doorward.secrets) {
    for (const [place, content] of Object.entries(places)) {
      if (kind === 'nonce' && /\.(db|sqlite)/.test(place)) continue
      for (const spelling of spellings(secret)) {
        assert.ok(!content.includes(spelling), `a ${kind} is in ${place}`)
      }
    }
  }
  return Object.keys(places)
}

// ---------------------------------------------------------------------------------------------------------
// Plain HTTP

/** One request with exactly these headers, and its whole answer. */
export async function request(url, { method = 'GET', headers = {}, json, agent, ca } = {}) {
  const body = json === undefined ? undefined : JSON.stringify(json)
  if (body !== undefined) headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body), ...headers }
  const outgoing = (url.startsWith('https:') ? https : http).request(url, { method, headers, agent, ca })
  outgoing.end(body)
  const [answer] = await within(once(outgoing, 'response'), `${method} ${new URL(url).pathname}`, 30_000)
  const text = await readAll(answer)
  return {
    status: answer.statusCode,
    headers: answer.headers,
    text,
    get json() { return JSON.parse(text) },
  }
}

export async function readAll(stream) {
  const chunks = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

const nonce = doorward => doorward.secret('nonce', randomBytes(24).toString('base64url'))

/** Redeems a grant the way a program does; the session token. */
export async function bearerToken(doorward, credential = doorward.grant) {
  const answer = await request(`${doorward.http}/.doorward/api/token`, { method: 'POST', json: { credential, nonce: nonce(doorward) } })
  assert.equal(answer.status, 200, answer.text)
  assert.equal(answer.json.token_type, 'Bearer')
  return doorward.secret('token', answer.json.access_token)
}

/** Redeems a grant the way a page does; the `name=value` of the cookie. */
export async function cookie(doorward, credential = doorward.grant) {
  const answer = await request(`${doorward.http}/.doorward/api/bootstrap`, {
    method: 'POST', headers: { Origin: doorward.origin }, json: { credential, nonce: nonce(doorward) },
  })
  assert.equal(answer.status, 200, answer.text)
  const [pair, ...attributes] = answer.headers['set-cookie'][0].split('; ')
  const [name, value] = pair.split('=')
  assert.equal(name, cookieName(doorward.port))
  for (const attribute of ['HttpOnly', 'SameSite=Lax', 'Path=/']) assert.ok(attributes.includes(attribute), attribute)
  doorward.secret('token', value)
  assert.ok(!answer.text.includes(value), 'the body repeats the token')
  return pair
}

/** A ticket for the session of these headers. */
export async function ticket(doorward, headers) {
  const answer = await request(`${doorward.http}/.doorward/api/ticket`, { method: 'POST', headers, json: {} })
  assert.equal(answer.status, 200, answer.text)
  return doorward.secret('ticket', answer.json.ticket)
}

export const bearer = token => ({ Authorization: `Bearer ${token}` })

/** One session in each form that a WebSocket client can present, and a ticket that was not used yet. */
export async function credentials(doorward) {
  const token = await bearerToken(doorward)
  const { credential } = await pair(doorward)
  return { token, cookie: await cookie(doorward, credential), ticket: await ticket(doorward, bearer(token)) }
}

// ---------------------------------------------------------------------------------------------------------
// WebSocket through Node's `ws`

/** Opens a WebSocket; rejects with `{ status, body }` when the upgrade is refused. */
export function open(url, protocols = [], options = {}) {
  const socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options })
  const settled = new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket))
    socket.once('error', reject)
    socket.once('unexpected-response', async (_, answer) => {
      reject(Object.assign(new Error(`refused with ${answer.statusCode}`), { status: answer.statusCode, body: await readAll(answer) }))
    })
  })
  return within(settled, `the upgrade of ${new URL(url).pathname}`)
}

export async function refusal(url, protocols, options) {
  const socket = await open(url, protocols, options).catch(error => error)
  if (socket instanceof WebSocket) {
    socket.terminate()
    assert.fail('the upgrade was accepted')
  }
  return socket
}

/** Sends one message and gives back the next one. */
export async function exchange(socket, message) {
  const next = once(socket, 'message')
  socket.send(message)
  const [data, binary] = await within(next, 'the echo')
  return binary ? data : data.toString()
}

export async function close(socket, code = 1000, reason = '') {
  const closed = once(socket, 'close')
  socket.close(code, reason)
  const [gotCode, gotReason] = await within(closed, 'the close')
  return { code: gotCode, reason: gotReason.toString() }
}

// ---------------------------------------------------------------------------------------------------------
// Servers and programs that a test starts

/** Listens on a free loopback port until the test ends; its origin. */
export async function listen(t, server) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => { server.close(); server.closeAllConnections?.() })
  return `http://127.0.0.1:${server.address().port}`
}

/** Runs a program to its end, `input` on its standard input so that no secret is an argument. */
export async function run(program, args, input = '', milliseconds = 30_000) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.end(input)
  const [stdout, stderr, [status]] = await within(
    Promise.all([readAll(child.stdout), readAll(child.stderr), once(child, 'close')]), program, milliseconds)
  return { status, stdout, stderr }
}

/** A number of kB from /proc/<pid>/status. */
export function memory(pid, field) {
  return Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm'))[1])
}
