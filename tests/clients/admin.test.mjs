// An administrator's browser, beside the one of whoever is paired and before a guarded server that means no good.

import assert from 'node:assert/strict'
import http from 'node:http'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { connected, launchChromium, pairInBrowser, profile } from './browser.mjs'
import { bearerToken, listen, pair, startDoorward } from './harness.mjs'

const pictures = join(dirname(process.env.DOORWARD_TEST_TOOLS), 'test-logs')
const NARROW = { width: 390, height: 844 }
const WIDE = { width: 1280, height: 900 }

/** A listener with an origin of administration, and somebody signed in there. */
async function administered(t, { args = [], ...options } = {}) {
  const doorward = await startDoorward(t, { args: ['--admin', '127.0.0.1:0', ...args], ...options })
  assert.ok(doorward.ready.admin, 'the ready line says where')
  return { doorward, admin: doorward.ready.admin.replace(/\/$/, ''), browser: await launchChromium(t) }
}

async function signIn(doorward, admin, person) {
  const link = await pair(doorward, '--admin')
  assert.equal(new URL(link.url).origin, admin)
  await person.page.goto(link.url)
  await person.page.locator('#inside').waitFor()
  assert.equal(person.page.url(), `${admin}/`, 'the grant is still in the address bar')
  doorward.secret('token', await person.page.evaluate(() => sessionStorage.getItem('doorward.administration')))
  return link
}

const row = (page, subject) => page.locator('#sessions > li', { has: page.locator('strong', { hasText: new RegExp(`^${subject}$`) }) })

const own = page => page.locator('#sessions > li', { has: page.locator('.tag', { hasText: 'you' }) })

test('admin: who is paired is listed, and one click closes their live connection', async t => {
  const { doorward, admin, browser } = await administered(t)
  const phone = await profile(browser, doorward)
  const link = await pair(doorward, '--label', 'phone')
  await pairInBrowser(doorward, phone, link.url)
  const person = await profile(browser, doorward)
  await signIn(doorward, admin, person)
  const { page } = person

  await row(page, 'phone').locator('.tag.live', { hasText: '1 live' }).waitFor()
  assert.match(await row(page, 'phone').innerText(), /127\.0\.0\.1/)
  await row(page, 'phone').locator('button.revoke').click()
  await row(page, 'phone').waitFor({ state: 'detached' })
  await phone.page.locator('#state', { hasText: 'ended' }).waitFor()
  await page.locator('#said', { hasText: 'Revoked 1 session, closed 1 live connection.' }).waitFor({ state: 'attached' })
  assert.deepEqual(person.complaints, [])
  assert.deepEqual(await person.context.cookies(), [], 'administration sets no cookie')
})

test('admin: a new link with its QR code pairs a second profile, a code is shown instead where it is asked for', async t => {
  const { doorward, admin, browser } = await administered(t)
  const person = await profile(browser, doorward)
  await signIn(doorward, admin, person)
  const { page } = person
  await page.locator('#grant-label').fill('tablet')
  await page.locator('#grant-make').click()
  await page.locator('#made-qr svg path').waitFor()
  const link = await page.locator('#made-link').inputValue()
  doorward.secret('grant', new URL(link).hash.slice(1).split('.')[0])
  await page.locator('#grants > li', { hasText: 'tablet' }).waitFor()

  const tablet = await profile(browser, doorward)
  await pairInBrowser(doorward, tablet, link)
  assert.equal((await tablet.page.locator('#subject').innerText()).trim(), 'tablet')
  await row(page, 'tablet').waitFor()
  await page.locator('#made').waitFor({ state: 'hidden' })
  assert.equal(await page.locator('#made-link').inputValue(), '', 'a spent link stays on the screen')

  await page.locator('#grant-label').fill('tv')
  await page.getByLabel('a code to type').check()
  await page.locator('#grant-make').click()
  await page.locator('#made-code', { hasText: '-' }).waitFor()
  const code = await page.locator('#made-code').innerText()
  assert.match(code, /^[2-9A-Z]{4}(-[2-9A-Z]{4}){2}$/)
  doorward.secret('grant', code)
  await page.locator('#made-revoke').click()
  await page.locator('#grants > li', { hasText: 'tv' }).waitFor({ state: 'detached' })
  const refused = await fetch(`${doorward.http}/.doorward/api/token`, {
    method: 'POST', body: JSON.stringify({ credential: code, nonce: 'A'.repeat(24) }),
  })
  assert.equal(refused.status, 401)
  assert.deepEqual(person.complaints, [])
})

test('admin: by keyboard alone, from the code to the next line after a revocation', async t => {
  const { doorward, admin, browser } = await administered(t)
  for (const label of ['one', 'two']) await bearerToken(doorward, (await pair(doorward, '--label', label)).credential)
  const person = await profile(browser, doorward)
  const { page } = person
  await page.goto(admin)
  await page.keyboard.type((await pair(doorward, '--admin', '--code')).credential.toLowerCase())
  await page.keyboard.press('Enter')
  await row(page, 'one').waitFor()
  doorward.secret('token', await page.evaluate(() => sessionStorage.getItem('doorward.administration')))
  const at = () => page.evaluate(() => document.activeElement.getAttribute('aria-label'))
  for (let steps = 0; await at() !== 'Revoke two'; steps++) {
    assert.ok(steps < 40, 'no way there')
    await page.keyboard.press('Tab')
  }
  await page.keyboard.press('Enter')
  await row(page, 'two').waitFor({ state: 'detached' })
  assert.equal(await page.evaluate(() => Boolean(document.activeElement.closest('#sessions > li'))), true)
  await own(page).locator('button.revoke').focus()
  await page.keyboard.press('Enter')
  await page.locator('#ask[open]').waitFor()
  await page.keyboard.press('Escape')
  await page.locator('#ask[open]').waitFor({ state: 'detached' })
  assert.equal(await at(), 'Revoke administrator')
  assert.deepEqual(person.complaints, [])
})

test('admin: limiting, workspaces, the own session, and leaving', async t => {
  const { doorward, admin, browser } = await administered(t)
  const token = await bearerToken(doorward, (await pair(doorward, '--label', 'phone')).credential)
  const person = await profile(browser, doorward)
  await signIn(doorward, admin, person)
  const { page } = person

  await row(page, 'phone').getByRole('button', { name: /^Limit/ }).click()
  await page.locator('#ask-operate').uncheck()
  await page.locator('#ask-yes').click()
  await row(page, 'phone').locator('.chips li', { hasText: 'operate' }).waitFor({ state: 'detached' })
  const refused = await fetch(`${doorward.http}/`, { headers: { Authorization: `Bearer ${token}` } })
  assert.equal(refused.status, 403)

  await page.locator('#new-space summary').click()
  await page.locator('#space-name').fill('lab')
  await page.locator('#space-routes').fill('/lab')
  await page.locator('#space-form button').click()
  const lab = page.locator('.space[data-key="lab"]')
  await lab.locator('summary').click()
  await lab.locator('input[type=text]').fill('<b>phone</b>')
  await lab.locator('form button').click()
  await lab.locator('.members .name', { hasText: '<b>phone</b>' }).waitFor()
  await lab.getByRole('button', { name: /^Remove/ }).click()
  await lab.locator('.members .name').waitFor({ state: 'detached' })
  await lab.getByRole('button', { name: /^Delete/ }).click()
  await page.locator('#ask-yes').click()
  await lab.waitFor({ state: 'detached' })

  // A reload keeps the tab's session; a second tab has none.
  await page.reload()
  await page.locator('#inside').waitFor()
  const second = await person.context.newPage()
  await second.goto(admin)
  await second.locator('#enter').waitFor()

  await own(page).locator('button.revoke').click()
  await page.locator('#ask-no').click()
  assert.equal(await own(page).count(), 1)
  await own(page).locator('button.revoke').click()
  await page.locator('#ask-yes').click()
  await page.locator('#enter').waitFor()
  assert.equal(await page.evaluate(() => sessionStorage.length), 0)
  assert.equal(await page.locator('#sessions > li').count(), 0, 'the next person reads who was paired')
  assert.deepEqual(person.complaints, [])
})

test('admin: a script of the guarded server drives nothing', async t => {
  const server = http.createServer((incoming, answer) => {
    answer.setHeader('Content-Type', 'text/html')
    answer.end('<!doctype html><title>guarded</title>')
  })
  const upstream = await listen(t, server)
  const { doorward, admin, browser } = await administered(t, { args: ['--upstream', upstream] })
  const person = await profile(browser, doorward)
  await signIn(doorward, admin, person)
  const link = await pair(doorward, '--admin')
  const grant = new URL(link.url).hash.slice(1).split('.')[0]

  const page = await person.context.newPage()
  await page.goto(doorward.pairingUrl)
  await page.waitForURL(`${doorward.http}/`)
  const seen = await page.evaluate(async ({ admin, grant }) => {
    const read = (path, options) => fetch(admin + path, { credentials: 'include', ...options })
      .then(async answer => answer.type === 'opaque' ? 'opaque' : answer.text(), () => 'blocked')
    const post = body => ({ method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) })
    const blind = body => ({ method: 'POST', mode: 'no-cors', body: JSON.stringify(body) })
    const frame = document.createElement('iframe')
    frame.src = `${admin}/`
    document.body.append(frame)
    await new Promise(resolve => { frame.onload = resolve })
    const inside = (() => { try { return frame.contentDocument ? frame.contentDocument.title : 'closed' } catch { return 'closed' } })()
    return {
      sessions: await read('/.doorward/api/sessions'),
      revoke: await read('/.doorward/api/sessions/revoke', post({ all: true, self: true })),
      blind: await read('/.doorward/api/sessions/revoke', blind({ all: true, self: true })),
      grants: await read('/.doorward/api/grants', blind({ label: 'x', capabilities: ['operate'], kind: 'link', life_seconds: 60 })),
      // Even a grant of administration that it got to know buys it nothing from here.
      bootstrap: await read('/.doorward/api/bootstrap', blind({ credential: grant, nonce: 'A'.repeat(24) })),
      storage: sessionStorage.getItem('doorward.administration') || localStorage.getItem('doorward.administration'),
      inside,
    }
  }, { admin, grant })
  assert.deepEqual(seen, {
    sessions: 'blocked', revoke: 'blocked', blind: 'opaque', grants: 'opaque', bootstrap: 'opaque',
    storage: null, inside: 'closed',
  })

  // A window that it opens is not its own: the opener policy cuts it off.
  await page.evaluate(admin => {
    const button = document.createElement('button')
    button.onclick = () => { window.opened = window.open(`${admin}/`) }
    document.body.append(button)
  }, admin)
  const popup = page.waitForEvent('popup')
  await page.locator('button').click()
  await (await popup).locator('#enter').waitFor()
  assert.equal(await page.evaluate(() => window.opened.closed), true)

  // Nothing was done: the administrator is still in, no link was made, and the grant is whole.
  await person.page.reload()
  await person.page.locator('#inside').waitFor()
  const open = await doorward.cli('grants', 'list', '--json')
  assert.ok(!open.some(one => one.label === 'x'))
  assert.equal(open.find(one => one.id === link.grant_id).uses_left, 1)
})

test('admin: without a guard both pages say so, and administration is guarded all the same', async t => {
  const { doorward, admin, browser } = await administered(t, { args: ['--unguarded'] })
  const visitor = await profile(browser, doorward)
  await visitor.page.goto(doorward.http)
  await visitor.page.locator('#unguarded', { hasText: 'UNGUARDED' }).waitFor()
  await visitor.page.goto(admin)
  await visitor.page.locator('#enter').waitFor()
  const person = await profile(browser, doorward)
  await signIn(doorward, admin, person)
  await person.page.locator('#unguarded', { hasText: 'UNGUARDED' }).waitFor()
  mkdirSync(pictures, { recursive: true })
  await person.page.screenshot({ path: join(pictures, 'admin-unguarded.png') })
  assert.deepEqual(person.complaints, [])
})

test('console: the workspaces of a session, the warning before its end, and staying', async t => {
  const { doorward, browser } = await administered(t, { config: '[session]\nidle = "2m"\nabsolute = "1h"\n' })
  for (const words of [['create', 'lab', '--route', '/lab'], ['add', 'lab', 'ada', '--home'], ['add', 'main', 'ada']]) {
    await doorward.tell('workspaces', ...words)
  }
  const person = await profile(browser, doorward)
  await pairInBrowser(doorward, person, (await pair(doorward, '--label', 'ada')).url)
  const { page } = person
  assert.deepEqual(await page.locator('#workspaces li').allInnerTexts(), [
    'lab observe, operate · default, /lab', 'main observe, operate'])
  await page.locator('#warning', { hasText: 'less than five minutes' }).waitFor()
  await page.locator('#warning-stay').click()
  await page.locator('#stay-said', { hasText: 'Nothing was due' }).waitFor()
  mkdirSync(pictures, { recursive: true })
  await page.screenshot({ path: join(pictures, 'console-warning.png'), fullPage: true })
  await page.setViewportSize(NARROW)
  await page.screenshot({ path: join(pictures, 'console-warning-390.png'), fullPage: true })
  // The console of a workspace stands at its own path, with its own echo.
  await page.goto(`${doorward.http}/lab/`)
  await connected(page)
  assert.match(await page.locator('#socket-url').innerText(), /\/lab\/echo$/)
  assert.deepEqual(person.complaints, [])
})

test('admin: the page in pictures, narrow and wide, light and dark', async t => {
  mkdirSync(pictures, { recursive: true })
  const { doorward, admin, browser } = await administered(t)
  for (const [label, can] of [['Ada’s phone', 'observe,operate'], ['dashboard', 'observe'], ['a-rather-long-name-for-a-build-machine-in-the-cellar', 'observe,operate,spawn']]) {
    await bearerToken(doorward, (await pair(doorward, '--label', label, '--can', can)).credential)
  }
  await pair(doorward, '--label', 'guest', '--can', 'observe')
  for (const colorScheme of ['light', 'dark']) {
    const person = await profile(browser, doorward, { colorScheme, viewport: WIDE })
    const { page } = person
    await page.goto(admin)
    await page.locator('#enter').waitFor()
    await page.screenshot({ path: join(pictures, `admin-enter-${colorScheme}.png`) })
    await signIn(doorward, admin, person)
    if (colorScheme === 'light') {
      for (const name of ['lab', 'office']) {
        await page.locator('#new-space summary').click()
        await page.locator('#space-name').fill(name)
        await page.locator('#space-routes').fill(`/${name}`)
        if (name === 'lab') await page.locator('#space-web').fill('http://127.0.0.1:3000')
        await page.locator('#space-form button').click()
        const space = page.locator(`.space[data-key="${name}"]`)
        await space.locator('summary').click()
        await space.locator('input[type=text]').fill('Ada’s phone')
        await space.locator('form button').click()
        await space.locator('.members .name').waitFor()
      }
    }
    await page.locator('#grant-label').fill('tablet')
    await page.locator('#grant-make').click()
    await page.locator('#made-qr svg path').waitFor()
    doorward.secret('grant', new URL(await page.locator('#made-link').inputValue()).hash.slice(1).split('.')[0])
    for (const [width, viewport] of [['1280', WIDE], ['390', NARROW]]) {
      await page.setViewportSize(viewport)
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      assert.ok(wider <= 0, `${wider} pixels wider than a screen of ${width}`)
      await page.screenshot({ path: join(pictures, `admin-${width}-${colorScheme}.png`), fullPage: true })
    }
    await page.setViewportSize(NARROW)
    await row(page, 'dashboard').locator('.danger').scrollIntoViewIfNeeded()
    await own(page).locator('button.limit').click()
    await page.screenshot({ path: join(pictures, `admin-ask-${colorScheme}.png`) })
    await page.locator('#ask-no').click()
    assert.deepEqual(person.complaints, [])
    await person.context.close()
  }
})
