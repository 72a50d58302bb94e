// Jupyter Server with its own token switched off: whoever reaches it runs code. Doorward decides who does.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { browserCookie, launchChromium, profile } from './browser.mjs'
import { bearer, bearerToken, pair, python, refusal, request, startDoorward, temporaryDirectory, within } from './harness.mjs'

async function startJupyter(t) {
  const home = temporaryDirectory()
  const child = spawn(python, ['-m', 'jupyter_server', '--no-browser', '--allow-root', '--ServerApp.ip=127.0.0.1', '--ServerApp.port=0',
    '--IdentityProvider.token=', '--ServerApp.password=', `--ServerApp.root_dir=${home}`], {
    env: { PATH: process.env.PATH, HOME: home }, stdio: ['ignore', 'ignore', 'pipe'],
  })
  const exited = once(child, 'exit')
  t.after(() => { child.kill('SIGTERM'); return within(exited, 'the end of Jupyter').catch(() => child.kill('SIGKILL')) })
  let log = ''
  const url = new Promise((resolve, reject) => {
    child.stderr.on('data', chunk => {
      log += chunk
      const found = log.match(/is running at:\s[^\n]*(http:\/\/127\.0\.0\.1:\d+)\//)
      if (found) resolve(found[1])
    })
    exited.then(() => reject(new Error(`Jupyter ended:\n${log}`)))
  })
  const origin = await within(url, 'the start of Jupyter', 60_000)
  // It announces its port before it listens on it, and nothing tells when it does.
  const accepting = async () => {
    while (!await request(`${origin}/api/status`).catch(() => false)) await setTimeout(50)
    return origin
  }
  return within(accepting(), 'Jupyter to listen', 30_000)
}

/** Runs in the page: starts a kernel, runs a cell over the kernel's WebSocket, gives back what it printed. */
async function runCell(code) {
  const xsrf = document.cookie.match(/_xsrf=([^;]+)/)[1]
  const started = await fetch('/api/kernels', { method: 'POST', headers: { 'X-XSRFToken': xsrf } })
  if (!started.ok) return { status: started.status, body: await started.text() }
  const { id } = await started.json()
  const session = crypto.randomUUID()
  const socket = new WebSocket(`ws://${location.host}/api/kernels/${id}/channels?session_id=${session}`)
  const printed = await new Promise((resolve, reject) => {
    let text = ''
    socket.onclose = event => reject(new Error(`the kernel's WebSocket closed with ${event.code}`))
    socket.onopen = () => socket.send(JSON.stringify({
      header: { msg_id: crypto.randomUUID(), msg_type: 'execute_request', session, username: '', version: '5.3', date: new Date().toISOString() },
      parent_header: {}, metadata: {}, buffers: [], channel: 'shell',
      content: { code, silent: false, store_history: false, user_expressions: {}, allow_stdin: false, stop_on_error: true },
    }))
    socket.onmessage = event => {
      const { msg_type: type, content, parent_header: parent } = JSON.parse(event.data)
      if (parent.msg_type !== 'execute_request') return
      if (type === 'stream') text += content.text
      if (type === 'error') reject(new Error(content.evalue))
      if (type === 'status' && content.execution_state === 'idle') resolve(text)
    }
  })
  await fetch(`/api/kernels/${id}`, { method: 'DELETE', headers: { 'X-XSRFToken': xsrf } })
  return printed
}

test('jupyter: unreachable before pairing, a kernel runs a cell in the browser after it', async t => {
  const jupyter = await startJupyter(t)
  assert.equal((await request(`${jupyter}/api/status`)).status, 200, 'Jupyter itself asks for nothing')
  const doorward = await startDoorward(t, { args: ['--upstream', jupyter] })
  assert.equal((await request(`${doorward.http}/api/status`)).status, 401)
  assert.equal((await request(`${doorward.http}/api/kernels`, { method: 'POST', json: {} })).status, 401)
  assert.equal((await refusal(`${doorward.websocket}/api/kernels/any/channels`)).status, 401)

  const browser = await launchChromium(t)
  const { context, page } = await profile(browser, doorward)
  await page.goto(doorward.pairingUrl)
  await page.waitForURL(`${doorward.http}/`)
  await browserCookie(doorward, context)
  assert.equal(await page.title(), 'Jupyter Server')
  const secret = Math.floor(Math.random() * 1e9)
  assert.equal(await within(page.evaluate(runCell, `print(${secret} + 1)`), 'the cell', 60_000), `${secret + 1}\n`)

  // A program with a bearer reaches it as well.
  const { credential } = await pair(doorward)
  const status = await request(`${doorward.http}/api/status`, { headers: bearer(await bearerToken(doorward, credential)) })
  assert.equal(status.json.kernels, 0, status.text)
})
