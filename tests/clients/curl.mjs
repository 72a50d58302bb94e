// curl, with everything secret on its standard input.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { run, within } from './harness.mjs'

/** curl's options come in on standard input: a header on a command line is readable by everybody. */
function configuration(url, headers, data) {
  const options = Object.entries(headers).map(([name, value]) => `header = "${name}: ${value}"`)
  if (data !== undefined) options.push(`data = ${JSON.stringify(data)}`)
  return [`url = "${url}"`, ...options].join('\n')
}

/** The answer to a GET, or to a POST of `data`. `options` are curl's own, such as the certificate to verify. */
export async function get(url, headers = {}, { data, options = [] } = {}) {
  const { status, stdout, stderr } = await run('curl', ['-q', '-sSi', '--http1.1', ...options, '-K', '-'], configuration(url, headers, data))
  assert.equal(status, 0, stderr)
  const cut = stdout.indexOf('\r\n\r\n')
  const head = stdout.slice(0, cut)
  return { status: Number(head.split(' ')[1]), head, body: stdout.slice(cut + 4) }
}

/**
 * The head that answers a hand-made upgrade, from curl's trace: what it writes to its output it holds back while
 * an accepted upgrade is open, and an accepted one stays open until curl is ended.
 */
export async function upgrade(url, headers = {}, options = []) {
  const curl = spawn('curl', ['-q', '-svN', '--http1.1', ...options, '-K', '-'], { stdio: ['pipe', 'ignore', 'pipe'] })
  curl.stdin.end(configuration(url, {
    Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers,
  }))
  const head = (async () => {
    let lines = ''
    for await (const line of createInterface({ input: curl.stderr })) {
      if (line.trimEnd() === '<' || /^< sec-websocket-accept:/i.test(line)) return `${lines}${line.slice(2)}`
      if (line.startsWith('< ')) lines += `${line.slice(2).trimEnd()}\n`
    }
    return lines
  })()
  return within(head, 'the answer to the upgrade').finally(() => curl.kill())
}
