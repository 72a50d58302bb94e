// `doorward probe` against a real Doorward, and against three servers that others wrote, in their default
// settings. What docs/probes says of those is what is found here; DOORWARD_WRITE_PROBES=1 writes it anew.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import http from 'node:http'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { listen, pair, python, readAll, request, require, run, startDoorward, temporaryDirectory, within } from './harness.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const documents = join(here, '..', '..', 'docs', 'probes')
const schema = join(here, '..', 'schemas', 'sarif-2.1.0.schema.json')
const MINUTES = 60_000

/** Runs the command, with `input` on its standard input. */
async function probe(args, input = '') {
  const env = { PATH: process.env.PATH, HOME: temporaryDirectory() }
  const child = spawn(process.env.DOORWARD_BIN, ['probe', ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [stdout, stderr, [status]] = await within(
    Promise.all([readAll(child.stdout), readAll(child.stderr), once(child, 'close')]), 'doorward probe', 4 * MINUTES)
  return { status, stdout, stderr }
}

/** A file that only its owner can read. */
function secretFile(text) {
  const path = join(temporaryDirectory(), 'secret')
  writeFileSync(path, text, { mode: 0o600 })
  return path
}

/** What came of each attack, as a page of docs/probes has it. */
function written(name) {
  const page = readFileSync(join(documents, `${name}.md`), 'utf8')
  const lines = page.matchAll(/^- .* \(`([^`]+)`, (\w+)\): (held|not held|not applicable)/gm)
  return Array.from(lines, ([, attack, over, standing]) => `${attack} ${over}: ${standing}`).sort()
}

function notHeld(report) {
  return report.threats.flatMap(threat => threat.attacks)
    .filter(attack => attack.standing === 'not_held')
    .map(attack => `${attack.id} over ${attack.over}: ${attack.reason}`)
}

/**
 * Probes a server, and holds the page about it to what was found. SARIF is valid by its schema, the table fits a
 * terminal, and no secret is in any form of the report.
 */
async function compare(name, product, args, secrets = [], input = '') {
  const home = temporaryDirectory()
  const page = join(home, 'report.md')
  const sarif = join(home, 'report.sarif')
  const found = await probe([...args, '--product', product, '--rate', '500', '--disturb', '--markdown', page, '--sarif', sarif], input)
  const texts = { page: readFileSync(page, 'utf8'), sarif: readFileSync(sarif, 'utf8'), table: found.stdout, log: found.stderr }
  for (const [place, text] of Object.entries(texts)) {
    for (const secret of secrets) assert.ok(!text.includes(secret), `a secret is in the ${place}`)
  }
  for (const line of found.stdout.split('\n')) assert.ok(line.length <= 80, `wider than a terminal: ${line}`)
  if (process.env.DOORWARD_WRITE_PROBES) writeFileSync(join(documents, `${name}.md`), texts.page)
  const { stdout: valid } = await run(python, [join(here, 'catalog_consumers.py'), 'schema', sarif, schema], '', MINUTES)
  assert.deepEqual(JSON.parse(valid), { faults: [] })
  const results = JSON.parse(texts.sarif).runs[0].results
  const standing = { pass: 'held', fail: 'not held', notApplicable: 'not applicable' }
  const seen = results.map(result => {
    const [attack, over] = result.partialFingerprints['attack/v1'].split('/')
    return `${attack} ${over}: ${standing[result.kind]}`
  })
  assert.deepEqual(seen.sort(), written(name),
    `docs/probes/${name}.md is out of date: DOORWARD_WRITE_PROBES=1 tests/run --scenario probe`)
  return { ...found, results }
}

/** A port that nothing listens on. */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** Starts a server, and waits until it answers, in whatever way. */
async function start(t, program, args, port, options = {}) {
  const child = spawn(program, args, { env: { PATH: process.env.PATH, HOME: temporaryDirectory() }, ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'exit')
  t.after(() => { child.kill('SIGTERM'); return within(ended, `the end of ${program}`).catch(() => child.kill('SIGKILL')) })
  const server = { origin: `http://127.0.0.1:${port}`, log: '' }
  child.stdout.on('data', chunk => { server.log += chunk })
  child.stderr.on('data', chunk => { server.log += chunk })
  const refused = ended.then(([status]) => { throw new Error(`${program} ended with ${status}:\n${server.log}`) })
  const accepting = async () => {
    // Nothing tells when it does.
    while (!await request(server.origin).catch(() => false)) await setTimeout(50)
  }
  await within(Promise.race([accepting(), refused]), `${program} to listen`, MINUTES)
  refused.catch(() => {})
  return server
}

test('probe: a Doorward holds against every attack that applies, and is as it was before', { timeout: 4 * MINUTES }, async t => {
  const config = join(temporaryDirectory(), 'doorward.toml')
  writeFileSync(config, 'allow_origins = ["https://app.example", "https://example.com"]\n')
  const doorward = await startDoorward(t, { args: ['--quic', '127.0.0.1:0', '--config', config], log: 'info' })
  const before = await doorward.cli('sessions', 'list', '--json')
  const args = [doorward.http, '--state-dir', doorward.stateDir, '--config', config]
  const found = await compare('doorward', 'Doorward', args, [doorward.grant])
  assert.equal(found.status, 0, found.stdout)
  assert.ok(found.results.some(result => result.kind === 'pass' && result.partialFingerprints['attack/v1'].endsWith('/quic')))
  assert.deepEqual(await doorward.cli('sessions', 'list', '--json'), before)
  assert.deepEqual(await doorward.cli('workspaces', 'list', '--json'), [])
  assert.equal((await doorward.cli('grants', 'list', '--json')).length, 1, 'the start-up link alone')
})

test('probe: a link is enough to probe a Doorward, harmlessly', { timeout: 4 * MINUTES }, async t => {
  const doorward = await startDoorward(t, { log: 'info' })
  const { url, credential } = await pair(doorward, '--uses', '4')
  const found = await probe([doorward.http, '--grant-file', secretFile(url), '--rate', '500', '--json'])
  const report = JSON.parse(found.stdout)
  assert.deepEqual(notHeld(report), [])
  assert.equal(found.status, 0, found.stderr)
  assert.ok(!found.stdout.includes(credential), 'the grant is in the report')
  const reasons = report.threats.flatMap(threat => threat.attacks).map(attack => attack.reason ?? '')
  assert.ok(reasons.some(reason => reason.startsWith('could disturb: ')), 'nothing disturbs unasked')
  assert.ok(report.threats_held >= 10, `${report.threats_held} threats held`)
  const sessions = await doorward.cli('sessions', 'list', '--json')
  assert.deepEqual(sessions.filter(one => one.state === 'live'), [], 'a session is left behind')
})

test('probe: Jupyter Server, as docs/probes says', { timeout: 4 * MINUTES }, async t => {
  const port = await freePort()
  const home = temporaryDirectory()
  const args = ['-m', 'jupyter_server', '--no-browser', '--allow-root', `--ServerApp.port=${port}`, `--ServerApp.root_dir=${home}`]
  const server = await start(t, python, args, port, { env: { PATH: process.env.PATH, HOME: home } })
  const [, token] = server.log.match(/\?token=([0-9a-f]{48})/)
  const version = server.log.match(/Jupyter Server ([\d.]+) is running/)[1]
  const options = [server.origin, '--profile', 'jupyter', '--grant-file', secretFile(token)]
  const found = await compare('jupyter-server', `Jupyter Server ${version}`, options, [token])
  assert.equal(found.status, 1, 'it does not hold everything')
})

test('probe: websocketd, as docs/probes says', { timeout: 4 * MINUTES }, async t => {
  const port = await freePort()
  const server = await start(t, 'websocketd', ['--address=127.0.0.1', `--port=${port}`, 'cat'], port)
  const found = await compare('websocketd', 'websocketd 0.4.1', [server.origin, '--profile', 'websocketd'])
  assert.equal(found.status, 1, 'it asks for no credential')
})

test('probe: the development server of Vite, as docs/probes says', { timeout: 4 * MINUTES }, async t => {
  const port = await freePort()
  const app = temporaryDirectory()
  writeFileSync(join(app, 'index.html'), '<!doctype html><title>app</title>')
  const vite = join(dirname(require.resolve('vite/package.json')), 'bin', 'vite.js')
  const { version } = require('vite/package.json')
  const server = await start(t, process.execPath, [vite, app, '--host', '127.0.0.1', '--port', `${port}`, '--strictPort'], port)
  const client = await request(`${server.origin}/@vite/client`)
  const [, token] = client.text.match(/wsToken = "([^"]+)"/)
  const found = await compare('vite', `Vite ${version}`, [server.origin, '--profile', 'vite'], [token])
  assert.equal(found.status, 1, 'it serves its pages to everybody')
})

test('probe: a server that lets everybody in holds nothing', async t => {
  const origin = await listen(t, http.createServer((_, answer) => answer.end('welcome')))
  const profile = join(temporaryDirectory(), 'open.toml')
  writeFileSync(profile, 'name = "open"\npage = "/"\nunguarded = ["http"]\n')
  const found = await probe([origin, '--profile', profile, '--attack', 'no-credential', '--attack', 'foreign-host', '--json'])
  assert.equal(found.status, 1, found.stderr)
  const report = JSON.parse(found.stdout)
  assert.equal(report.threats_not_held, 2)
  const attack = report.threats.flatMap(threat => threat.attacks).find(one => one.standing === 'not_held')
  assert.match(attack.exchanges.at(-1).sent.text, /^GET \/ HTTP\/1\.1\\r\\n/)
  assert.match(attack.exchanges.at(-1).received.text, /welcome/)
})

test('probe: nothing is sent elsewhere unless its host is named again', async () => {
  for (const url of ['http://203.0.113.7', 'http://0.0.0.0:1', 'http://[2001:db8::1]']) {
    const refused = await probe([url], 'no-link\n')
    assert.equal(refused.status, 2, url)
    assert.match(refused.stderr, /--authorized/)
  }
  const other = await probe(['http://203.0.113.7', '--authorized', '203.0.113.8'])
  assert.equal(other.status, 2)
  assert.match(other.stderr, /is not the host that is probed/)
  const elsewhere = await probe(['https://203.0.113.7', '--authorized', '203.0.113.7'], 'no-link\n')
  assert.equal(elsewhere.status, 2, 'no credential goes to a certificate that nobody knows')
  assert.match(elsewhere.stderr, /--certificate-sha256/)
})

test('probe: what is asked for the wrong way is said', async () => {
  const usage = async (args, told) => {
    const refused = await probe(args, 'AAAA\n')
    assert.equal(refused.status, 2, refused.stderr)
    assert.match(refused.stderr, told)
  }
  await usage(['http://127.0.0.1:1', '--attack', 'no-such'], /no attack is called "no-such"/)
  await usage(['http://127.0.0.1:1', '--threat', 'DW-NO-SUCH'], /no threat is called "DW-NO-SUCH"/)
  await usage(['http://127.0.0.1:1', '--profile', 'no-such'], /doorward, jupyter, vite, websocketd/)
  await usage(['http://me:secret@127.0.0.1:1'], /scheme, host and port alone/)
})
