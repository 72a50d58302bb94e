// What `doorward catalog export` writes: valid by the schemas that others published, opened by programs that
// others wrote, and a page that a person reads in a real browser.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { launchChromium } from './browser.mjs'
import { python, run, temporaryDirectory } from './harness.mjs'

const source = fileURLToPath(new URL('../..', import.meta.url))
const here = fileURLToPath(new URL('.', import.meta.url))
const schemas = join(source, 'tests', 'schemas')
const folder = temporaryDirectory()

// A schema of CycloneDX takes its time.
const succeed = async (program, args) => {
  const { status, stdout, stderr } = await run(program, args, '', 120_000)
  assert.equal(status, 0, `${args.join(' ')}:\n${stderr}`)
  return stdout
}

const catalog = (...words) => succeed(process.env.DOORWARD_BIN, ['catalog', ...words])

/** The catalog in a format, in a file; its path. */
async function exported(format, name = `catalog.${format}`) {
  const file = join(folder, name)
  await catalog('export', '--format', format, '--source', source, '--output', file)
  return file
}

/** What a program of somebody else's makes of a file. */
const open = async (as, ...args) =>
  JSON.parse(await succeed(python, [join(here, 'catalog_consumers.py'), as, ...args]))

const validate = (file, ...names) => open('schema', file, ...names.map(name => join(schemas, `${name}.schema.json`)))

const json = file => JSON.parse(readFileSync(file, 'utf8'))
const threats = async () => json(await exported('json')).threats

test('catalog: every export is the same twice, and is what standard output gets', async () => {
  for (const format of ['json', 'markdown', 'html', 'otm', 'cyclonedx', 'sarif']) {
    const file = readFileSync(await exported(format), 'utf8')
    assert.equal(await catalog('export', '--format', format, '--source', source), file, format)
    assert.ok(file.endsWith('\n') && !file.includes(source), `${format} names this machine`)
  }
})

test('catalog: the JSON export is valid by our schema, with and without a source', async () => {
  const file = await exported('json')
  assert.deepEqual(await validate(file, 'doorward-catalog'), { faults: [] })
  assert.equal(json(file).evidence_read, true)

  const bare = join(folder, 'bare.json')
  const { status, stderr } = await run('sh', ['-c', 'cd "$1" && exec "$2" catalog export --format json --output "$3"',
    'sh', folder, process.env.DOORWARD_BIN, bare])
  assert.equal(status, 0, stderr)
  assert.deepEqual(await validate(bare, 'doorward-catalog'), { faults: [] })
  assert.equal(json(bare).evidence_read, false)
  assert.equal(json(bare).threats.length, json(file).threats.length)
})

test('catalog: the schema notices what is missing and what is wrong', async () => {
  const { writeFileSync } = await import('node:fs')
  const document = json(await exported('json'))
  delete document.threats[0].residual
  document.threats[1].stride = ['mischief']
  document.extra = 1
  const file = join(folder, 'wrong.json')
  writeFileSync(file, JSON.stringify(document))
  assert.equal((await validate(file, 'doorward-catalog')).faults.length, 3)
})

test('catalog: the Open Threat Model is valid, and open-threat-model imports its architecture', async () => {
  const file = await exported('otm')
  assert.deepEqual(await validate(file, 'otm-0.2.0'), { faults: [] })
  const model = json(file)
  const imported = await open('otm', file)
  assert.equal(imported.title, 'Doorward')
  assert.equal(imported.boundaries, model.trustZones.length)
  assert.equal(imported.components, model.components.length)
  // One whose ends are not both known would be left out.
  assert.equal(imported.flows, model.dataflows.length)
  assert.equal(imported.assets, model.assets.length)

  // That importer leaves threats alone.
  const known = new Set(model.threats.map(each => each.id))
  const mitigations = new Set(model.mitigations.map(each => each.id))
  const used = model.components.flatMap(each => each.threats)
  assert.deepEqual(new Set(used.map(each => each.threat)), known, 'each threat is some component\'s')
  for (const each of used.flatMap(each => each.mitigations)) assert.ok(mitigations.delete(each.mitigation), each.mitigation)
  assert.deepEqual([...mitigations], [], 'each mitigation is one component\'s')
})

test('catalog: CycloneDX is valid, and cyclonedx-python-lib reads it', async () => {
  const file = await exported('cyclonedx')
  assert.deepEqual(await validate(file, 'bom-1.6', 'jsf-0.82', 'spdx'), { faults: [] })
  const read = await open('cyclonedx', file)
  assert.deepEqual(read.faults, [])
  assert.equal(read.subject, 'Doorward')
  assert.ok(read.components.includes('doorward-policy'))

  const bom = json(file)
  const { requirements } = json(await exported('json'))
  assert.equal(read.standards['Doorward requirements'], requirements.length)
  assert.ok(read.standards['OWASP Application Security Verification Standard'] > 0)

  // No schema says that what is referred to is there.
  const refs = new Map()
  const collect = value => {
    if (Array.isArray(value)) return value.forEach(collect)
    if (value === null || typeof value !== 'object') return
    if (value['bom-ref']) {
      assert.ok(!refs.has(value['bom-ref']), `${value['bom-ref']} twice`)
      refs.set(value['bom-ref'], value)
    }
    Object.values(value).forEach(collect)
  }
  collect(bom)
  const { attestations, claims } = bom.declarations
  for (const claim of claims) {
    for (const ref of [...claim.evidence, ...claim.counterEvidence, ...claim.mitigationStrategies]) assert.ok(refs.has(ref), ref)
  }
  for (const { requirement, claims } of attestations.flatMap(each => each.map)) {
    assert.ok(claims.length > 0, `no claim answers ${requirement}`)
    for (const ref of [requirement, ...claims]) assert.ok(refs.has(ref), ref)
  }
})

test('catalog: SARIF is valid, and sarif-tools counts a result for each threat', async () => {
  const file = await exported('sarif')
  assert.deepEqual(await validate(file, 'sarif-2.1.0'), { faults: [] })
  const read = await open('sarif', file)
  const names = (await threats()).map(each => each.id)
  assert.deepEqual(read.tools, ['doorward catalog'])
  assert.equal(read.results, names.length)
  assert.deepEqual(read.rules, names.toSorted())

  // What is related is in the taxonomy that it is said to be in.
  const [{ tool, taxonomies, results }] = json(file).runs
  for (const { target } of tool.driver.rules.flatMap(rule => rule.relationships)) {
    const taxonomy = taxonomies[target.toolComponent.index]
    assert.equal(taxonomy.name, target.toolComponent.name)
    assert.ok(taxonomy.taxa.some(taxon => taxon.id === target.id), target.id)
  }
  for (const result of results) assert.equal(tool.driver.rules[result.ruleIndex].id, result.ruleId)
})

// ---------------------------------------------------------------------------------------------------------
// The page

/** The page in a browser that notes every request, error and breach of its policy. */
async function read(t, options = {}) {
  const browser = await launchChromium(t)
  const context = await browser.newContext(options)
  context.setDefaultTimeout(15_000)
  const page = await context.newPage()
  const complaints = []
  const requests = []
  page.on('pageerror', error => complaints.push(`page error: ${error}`))
  page.on('console', message => complaints.push(`${message.type()}: ${message.text()}`))
  page.on('request', request => { if (!request.url().startsWith('data:')) requests.push(request.url()) })
  const url = pathToFileURL(await exported('html')).href
  await page.goto(url)
  t.after(() => {
    assert.deepEqual(complaints, [])
    assert.deepEqual(requests.map(request => request.split('#')[0]), requests.map(() => url), 'a request left')
  })
  return { page, url }
}

const articles = page => page.locator('article.threat:visible')
const rows = page => page.locator('#list tbody tr:visible')

test('catalog: the page filters by words, severity, STRIDE and attacker, with the keyboard alone', async t => {
  const { page } = await read(t)
  const all = await threats()
  const count = page.getByRole('status')
  const expect = async wanted => {
    const text = wanted.length === all.length ? `${all.length} threats` : `${wanted.length} of ${all.length} threats`
    await count.filter({ hasText: new RegExp(`^${text}$`) }).waitFor()
    const names = wanted.map(each => each.id.toLowerCase())
    assert.deepEqual(await articles(page).evaluateAll(found => found.map(each => each.id)), names)
    assert.equal(await rows(page).count(), names.length)
    assert.equal(await page.locator('#matrix tbody tr:visible').count(), names.length)
  }
  await expect(all)

  await page.keyboard.press('/')
  await page.keyboard.type('dw-grant')
  await expect(all.filter(each => each.id.startsWith('DW-GRANT') || JSON.stringify(each).includes('dw-grant')))
  await page.keyboard.press('Enter')
  assert.equal(await page.evaluate(() => document.activeElement.hash), '#dw-grant-replay', 'Enter goes to the first one')
  await page.keyboard.press('/')
  await page.keyboard.press('Escape')
  await expect(all)

  const choose = async (id, text) => {
    await page.locator(`#${id}`).focus()
    await page.keyboard.type(text)
  }
  await choose('level', 'critical')
  const critical = all.filter(each => each.severity.level === 'critical')
  assert.ok(critical.length > 0 && critical.length < all.length)
  await expect(critical)
  await choose('stride', 'spoofing')
  await expect(critical.filter(each => each.stride.includes('spoofing')))
  await page.getByRole('button', { name: 'Clear' }).press('Enter')
  await expect(all)
  await choose('attacker', 'a page')
  await expect(all.filter(each => each.attackers.includes('a page of another origin')))

  // What the filter has taken out comes back for who follows a link to it.
  await page.getByRole('button', { name: 'Clear' }).press('Enter')
  await page.keyboard.press('/')
  await page.keyboard.type('no threat says this')
  await expect([])
  await page.locator('#invariants a[href="#dw-grant-replay"]').first().press('Enter')
  await expect(all)
  assert.ok(await page.locator('#dw-grant-replay h3').evaluate(each => each.getBoundingClientRect().top < innerHeight))
})

test('catalog: sections of the page unfold one by one and all at once, and paper has them unfolded and unfiltered', async t => {
  const { page } = await read(t)
  const all = await threats()
  const inside = page.locator('#dw-grant-replay .required')
  const summary = page.locator('#dw-grant-replay summary').first()
  assert.equal(await inside.isVisible(), false)
  await summary.press('Enter')
  assert.equal(await inside.isVisible(), true)
  await summary.press('Enter')
  await page.getByRole('button', { name: 'Unfold all' }).press('Enter')
  assert.equal(await page.locator('details:not([open])').count(), 0)
  await page.getByRole('button', { name: 'Fold all' }).press('Enter')
  assert.equal(await page.locator('details[open]').count(), 0)

  await page.locator('#words').fill('DW-GRANT-REPLAY')
  assert.ok(await articles(page).count() < all.length)
  await page.emulateMedia({ media: 'print' })
  assert.equal(await articles(page).count(), all.length)
  assert.equal(await page.locator('#filter').isVisible(), false)
  const hidden = await page.locator('details > :not(summary)').evaluateAll(
    found => found.filter(each => !each.checkVisibility({ contentVisibilityAuto: true })).length)
  assert.equal(hidden, 0, 'something stays folded on paper')
  assert.ok((await page.pdf()).length > 50_000)
})

test('catalog: all of the page can be read without its script, and at the width of a phone', async t => {
  const { page } = await read(t, { javaScriptEnabled: false, viewport: { width: 390, height: 844 } })
  const all = await threats()
  assert.equal(await articles(page).count(), all.length)
  assert.equal(await page.locator('#filter').isVisible(), false)
  assert.equal(await page.locator('details:not([open])').count(), 0)
  // Evaluated from outside, which the page's own policy does not bind.
  const [wide, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  assert.ok(wide <= width, `the page is ${wide} wide on a screen of ${width}`)
})
