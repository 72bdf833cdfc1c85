/** A mock edge over HTTP: the whole contract, with the plant of plant.ts behind it.
 *
 * Failure paths: writing 11.11 ends unknown, 11.12 failed, 11.13 expired; logging in as `limited` is refused
 * for too many tries; a configuration with the comment `# conflict` meets another revision; POST
 * /mock/scenario/{healthy|faults|empty|large|formulas} changes the plant, POST /mock/letters brings all dead
 * letters back, POST /mock/alarms all alarms, POST /mock/drop cuts the live streams. */
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { randomBytes } from 'node:crypto'
import type { ViteDevServer } from 'vite'

import type { ApiToken, Command, Me, Revision, Role, Status, Tag, User } from '../src/api/types'
import { Alarms, alarmRoutes } from './alarms'
import { Refused, ago, type Call, type Route } from './call'
import { components } from './components'
import { demo, diff, parse, withFormulas } from './config'
import { MockEdge, type Scenario } from './edge'
import { happened, keepRoutes } from './keep'
import { exportRoutes } from './exports'
import { ledgerRoutes } from './ledger'
import { Letters, letterRoutes } from './letters'
import { templates } from './library'
import { notifyRoutes } from './notify'
import { Rules, ruleRoutes } from './rules'
import { sqlRoutes } from './sql'
import { storageRoutes } from './storage'
import { Tables, tableRoutes } from './tables'
import { trialRoutes } from './trials'

interface Options {
  port: number
  scenario: Scenario
  ready: boolean
  vite: ViteDevServer | undefined
}

const edge = new MockEdge()
const letters = new Letters(edge)
const alarms = new Alarms(edge, () => revisions[0]?.text ?? '')
const setupToken = 'one-time-token'
let users: (User & { password: string })[] = []
let tokens: ApiToken[] = []
const sessions = new Map<string, string>()
let revisions: (Revision & { text: string })[] = []
const streams = new Set<ServerResponse>()
let dropUntil = 0

const roles: Role[] = ['viewer', 'operator', 'engineer', 'admin']

export function serve(options: Options) {
  if (options.ready) {
    const names: [string, Role][] = [['anna', 'admin'], ['max', 'engineer'], ['lena', 'operator'], ['otto', 'viewer']]
    users = names.map(([username, role]) => ({ username, role, created_at: ago(86_400_000 * 9), last_login: ago(3_600_000), password: 'long enough' }))
    tokens = [{ id: 't1', name: 'grafana', role: 'viewer', created_at: ago(86_400_000 * 5), expires_at: ago(-86_400_000 * 85), last_used: ago(60_000) }]
  }
  setScenario(options.scenario)
  setInterval(() => edge.tick(0.25), 250)
  const server = createServer((request, response) => {
    void handle(request, response, options).catch((error: unknown) => {
      const refused = error instanceof Refused ? error : new Refused(500, 'internal', String(error), 'Look at the log of the mock.')
      if (!(error instanceof Refused)) console.error(error)
      json(response, refused.status, { error: { code: refused.code, message: refused.message, remedy: refused.remedy, ...refused.more } })
    })
  })
  server.listen(options.port, '127.0.0.1', () => {
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : options.port
    console.log(options.ready ? `http://127.0.0.1:${port}/` : `http://127.0.0.1:${port}/setup?token=${setupToken}`)
  })
}

function setScenario(scenario: Scenario) {
  if (scenario === 'empty') {
    revisions = []
    edge.configure([])
  } else {
    const text = scenario === 'large' ? `${demo}` : demo
    if (revisions.length === 0) {
      apply(text.replace('interval: 500ms', 'interval: 1s'), 'anna', 'Commissioning of hall 2', 9 * 86_400_000)
      apply(text, 'max', 'Packer 1 twice as fast', 2 * 86_400_000)
    }
    if (scenario === 'formulas') apply(withFormulas, 'max', 'Calculated tags', 0)
    if (scenario === 'large') {
      apply(`${text.replace('sinks:', '  - name: battery-1\n    driver: modbus-tcp\n    groups:\n      - name: fast\n        interval: 1s\n      - name: slow\n        interval: 10s\nsinks:')}`, 'max', '', 0)
    }
  }
  edge.setScenario(scenario)
  edge.tick(0)
}

function apply(text: string, by: string, comment: string, agoMs = 0): number {
  const revision = (revisions[0]?.revision ?? 0) + 1
  const parsed = parse(text)
  edge.configure(parsed.devices)
  revisions = revisions.map((each) => ({ ...each, active: false }))
  revisions.unshift({
    revision,
    applied_at: ago(agoMs),
    by,
    comment: comment === '' ? undefined : comment,
    bytes: text.length,
    devices: parsed.devices.length,
    tags: edge.devices.reduce((sum, device) => sum + device.tags.size, 0),
    active: true,
    text,
  })
  return revision
}

async function handle(request: IncomingMessage, response: ServerResponse, options: Options) {
  const url = new URL(request.url ?? '/', 'http://mock')
  if (url.pathname.startsWith('/mock/')) return control(url, response)
  if (!url.pathname.startsWith('/api/v1/')) return asset(url, request, response, options.vite)
  const path = url.pathname.slice('/api/v1'.length)
  const asked = request.method ?? 'GET'
  // Node leaves the content out by itself.
  const method = asked === 'HEAD' ? 'GET' : asked
  const bytes = await received(request)
  const body = bytes.toString('utf8')
  const route = `${method} ${path}`
  if (route === 'GET /setup') return json(response, 200, { needed: users.length === 0 })
  if (route === 'POST /setup') return setUp(JSON.parse(body), response)
  if (route === 'POST /login') return login(JSON.parse(body), response)
  const me = who(request)
  if (method !== 'GET' && request.headers['x-tagwerk-request'] !== '1') {
    throw new Refused(403, 'forbidden', 'The request lacks the header X-Tagwerk-Request.', 'Use the console, or an API token.')
  }
  if (path === '/live') return live(url, request, response)
  for (const [pattern, needed, run] of routes) {
    const match = pattern.exec(route)
    if (match === null) continue
    if (roles.indexOf(me.role) < roles.indexOf(needed)) {
      throw new Refused(403, 'forbidden', `${route} needs the role ${needed}; ${me.username} is ${me.role}.`, `Ask someone with the role ${needed}, or an administrator to change yours.`)
    }
    const answer = await run({ me, url, body, bytes, request, response, part: (index) => decodeURIComponent(match[index] ?? '') })
    if (!response.writableEnded) {
      if (answer === undefined) response.writeHead(204).end()
      else json(response, 200, answer)
    }
    return undefined
  }
  throw new Refused(404, 'not_found', `There is no ${path}.`, 'Check the address.')
}

const paged = <T>(all: T[], url: URL, most = 100) => {
  const offset = Number(url.searchParams.get('offset') ?? 0)
  const limit = Math.min(1000, Number(url.searchParams.get('limit') ?? most))
  const items = all.slice(offset, offset + limit)
  return { items, total: all.length, next: offset + items.length < all.length ? offset + items.length : undefined }
}

function findDevice(name: string) {
  const device = edge.devices.find((each) => each.name === name)
  if (device === undefined) throw new Refused(404, 'not_found', `There is no device ${name}.`, 'It may have been renamed or removed: look at the list of devices.')
  return device
}

function findTag(call: Call) {
  const device = findDevice(call.part(1))
  const tag = device.tags.get(call.part(2))
  if (tag === undefined) throw new Refused(404, 'not_found', `Device ${device.name} has no tag ${call.part(2)}.`, 'Look at its list of tags.')
  return { device, tag }
}

function running(): Status['config'] {
  const first = revisions[0]
  return first === undefined ? null : { revision: first.revision, applied_at: first.applied_at, by: first.by }
}

const routes: Route[] = [
  ...trialRoutes(edge),
  ...keepRoutes(edge, () => revisions[0]?.text ?? ''),
  ...storageRoutes(edge, () => edge.status(running())),
  ...sqlRoutes(edge),
  ...ledgerRoutes(edge, letters),
  ...letterRoutes(letters),
  ...exportRoutes(edge),
  ...alarmRoutes(alarms),
  ...notifyRoutes(edge, () => revisions[0]?.text ?? ''),
  ...ruleRoutes(new Rules(edge, () => revisions[0]?.text ?? '')),
  ...tableRoutes(new Tables(edge)),
  [/^GET \/tags$/, 'viewer', ({ url }) => paged(filtered(edge.devices.flatMap((device) => [...device.tags.values()].map((tag) => edge.tag(device, tag))), url.searchParams.get('filter')), url)],
  [/^GET \/templates$/, 'viewer', () => templates(revisions[0]?.text ?? '')],
  [/^POST \/logout$/, 'viewer', ({ request }) => void sessions.delete(cookie(request))],
  [/^GET \/me$/, 'viewer', ({ me }) => me],
  [/^PUT \/me\/password$/, 'viewer', changePassword],
  [/^GET \/status$/, 'viewer', () => edge.status(running())],
  [/^GET \/devices$/, 'viewer', () => ({ items: edge.devices.map((device) => edge.device(device)) })],
  [/^GET \/devices\/([^/]+)$/, 'viewer', (call) => edge.device(findDevice(call.part(1)))],
  [/^GET \/devices\/([^/]+)\/tags$/, 'viewer', listTags],
  [/^GET \/devices\/([^/]+)\/tags\/([^/]+)$/, 'viewer', (call) => {
    const { device, tag } = findTag(call)
    return edge.tag(device, tag)
  }],
  [/^GET \/devices\/([^/]+)\/tags\/([^/]+)\/samples$/, 'viewer', (call) => {
    const { searchParams } = call.url
    const from = Date.parse(searchParams.get('from') ?? '')
    const { device, tag } = findTag(call)
    return edge.samples(device, tag, from, Date.parse(searchParams.get('to') ?? ''), Math.min(10_000, Number(searchParams.get('points') ?? 500)))
  }],
  [/^POST \/devices\/([^/]+)\/tags\/([^/]+)\/read$/, 'operator', async (call) => {
    const { device, tag } = findTag(call)
    await new Promise((done) => setTimeout(done, 120))
    if (device.state !== 'online') throw new Refused(503, 'unavailable', `Reading ${tag.point.name} from ${device.name}: ${device.reason ?? device.state}.`, 'The edge connects again by itself; try again when the device is online.')
    edge.read(device, tag, Date.now())
    return edge.tag(device, tag)
  }],
  [/^GET \/sinks$/, 'viewer', () => ({ items: edge.sinks() })],
  [/^GET \/components$/, 'viewer', () => components],
  [/^GET \/commands$/, 'viewer', ({ url }) => paged(edge.commands, url)],
  [/^GET \/commands\/([^/]+)$/, 'viewer', (call) => edge.commands.find((each) => each.id === call.part(1))],
  [/^POST \/commands$/, 'operator', command],
  [/^GET \/config$/, 'viewer', () => {
    const first = revisions[0]
    if (first === undefined) throw new Refused(404, 'not_found', 'No configuration was applied yet.', 'Apply one.')
    return { revision: first.revision, applied_at: first.applied_at, by: first.by, text: first.text }
  }],
  [/^GET \/config\/revisions$/, 'viewer', ({ url }) => paged(revisions.map(({ text: _, ...rest }) => rest), url)],
  [/^GET \/config\/revisions\/(\d+)$/, 'viewer', (call) => {
    const found = revisions.find((each) => each.revision === Number(call.part(1)))
    if (found === undefined) throw new Refused(404, 'not_found', `There is no revision ${call.part(1)}.`, 'Look at the list of revisions.')
    return found
  }],
  [/^POST \/config\/lint$/, 'engineer', ({ body }) => {
    const { findings } = parse(body)
    return { ok: findings.every((finding) => finding.weight !== 'error'), findings, dropped: 0 }
  }],
  [/^POST \/config\/diff$/, 'engineer', ({ body }) => diff(revisions[0]?.text ?? '', body)],
  [/^PUT \/config$/, 'engineer', putConfig],
  [/^POST \/config\/rollback$/, 'engineer', ({ body, me }) => {
    const wanted: { revision: number; comment?: string } = JSON.parse(body)
    const found = revisions.find((each) => each.revision === wanted.revision)
    return { revision: apply(found?.text ?? '', me.username, wanted.comment ?? '') }
  }],
  [/^GET \/users$/, 'admin', () => ({ items: users.map(({ password: _, ...user }) => user) })],
  [/^POST \/users$/, 'admin', ({ body }) => {
    const user: { username: string; password: string; role: Role } = JSON.parse(body)
    if (users.some((each) => each.username === user.username)) throw new Refused(409, 'conflict', `There is already a user ${user.username}.`, 'Choose another name.')
    users.push({ ...user, created_at: ago(0) })
  }],
  [/^PUT \/users\/([^/]+)$/, 'admin', (call) => {
    const change: { role?: Role; password?: string } = JSON.parse(call.body)
    lastAdmin(call.part(1), change.role)
    users = users.map((each) => (each.username === call.part(1) ? { ...each, ...change } : each))
  }],
  [/^DELETE \/users\/([^/]+)$/, 'admin', (call) => {
    lastAdmin(call.part(1), undefined)
    users = users.filter((each) => each.username !== call.part(1))
  }],
  [/^GET \/tokens$/, 'admin', () => ({ items: tokens })],
  [/^POST \/tokens$/, 'admin', ({ body }) => {
    const wanted: { name: string; role: Role; expires_in_ms?: number } = JSON.parse(body)
    const token: ApiToken = { id: `t${Date.now()}`, name: wanted.name, role: wanted.role, created_at: ago(0), expires_at: wanted.expires_in_ms === undefined ? undefined : ago(-wanted.expires_in_ms) }
    tokens.push(token)
    return { id: token.id, token: `twk_${randomBytes(24).toString('base64url')}` }
  }],
  [/^DELETE \/tokens\/([^/]+)$/, 'admin', (call) => {
    tokens = tokens.filter((each) => each.id !== call.part(1))
  }],
  [/^GET \/openapi\.json$/, 'viewer', () => ({ openapi: '3.1.0' })],
]

function lastAdmin(username: string, role: Role | undefined) {
  const others = users.filter((each) => each.role === 'admin' && each.username !== username)
  if (others.length === 0 && role !== 'admin') throw new Refused(409, 'conflict', `${username} is the last administrator.`, 'Make someone else admin first.')
}

function filtered(tags: Tag[], filter: string | null): Tag[] {
  const wanted = filter?.toLowerCase() ?? ''
  return wanted === '' ? tags : tags.filter((tag) => `${tag.name} ${tag.address} ${tag.formula ?? ''} ${tag.description ?? ''}`.toLowerCase().includes(wanted))
}

function listTags(call: Call) {
  const device = findDevice(call.part(1))
  const { searchParams } = call.url
  const quality = searchParams.get('quality')
  const group = searchParams.get('group')
  const all = filtered([...device.tags.values()].map((tag): Tag => edge.tag(device, tag)), searchParams.get('filter'))
    .filter((tag) => group === null || tag.group === group)
    .filter((tag) => quality === null || (quality === 'stale' ? tag.stale : tag.quality.severity === quality))
  return paged(all, call.url)
}

async function command({ body, me, response }: Call) {
  const wanted: { id: string; device: string; tag: string; value: unknown } = JSON.parse(body)
  const known = edge.commands.find((each) => each.id === wanted.id)
  if (known !== undefined) return known
  const device = findDevice(wanted.device)
  const tag = device.tags.get(wanted.tag)
  if (tag === undefined) throw new Refused(404, 'not_found', `Device ${device.name} has no tag ${wanted.tag}.`, 'Look at its list of tags.')
  const made: Command = {
    id: wanted.id,
    device: wanted.device,
    tag: wanted.tag,
    value: wanted.value,
    text: String(wanted.value),
    state: 'waiting',
    by: me.username,
    created_at: ago(0),
    expires_at: ago(-10_000),
    old_text: tag.last?.text ?? undefined,
  }
  edge.commands.unshift(made)
  const end = (state: Command['state'], reason?: string) => Object.assign(made, { state, reason, ended_at: ago(0) })
  await new Promise((done) => setTimeout(done, 350))
  made.state = 'sent'
  made.sent_at = ago(0)
  if (wanted.value === 11.11) end('unknown', 'sent, but no answer came within 1 s')
  else if (wanted.value === 11.12) end('failed', 'the device refused it: illegal data value (exception 3)')
  else if (wanted.value === 11.13 || device.state !== 'online') {
    delete made.sent_at
    end('expired', `${device.name} was ${device.state} until the time was over`)
  } else if (wanted.value === 11.14) {
    setTimeout(() => end('done'), 4_000)
    json(response, 202, made)
  } else {
    device.machine.state[wanted.tag] = typeof wanted.value === 'boolean' ? Number(wanted.value) : Number(wanted.value)
    end('done')
  }
  return made
}

function putConfig({ body, me, url, request }: Call) {
  const base = Number(String(request.headers['if-match'] ?? '"0"').replaceAll('"', ''))
  const first = revisions[0]
  if (body.includes('# conflict') && first !== undefined && !first.comment?.startsWith('Other')) {
    apply(first.text.replace('stand-by', 'second stand-by'), 'lena', 'Other change at the same time')
  }
  const now = revisions[0]
  if (now !== undefined && now.revision !== base) {
    throw new Refused(412, 'conflict', `Revision ${now.revision} was applied by ${now.by} after revision ${base}, which this text started from.`, 'Compare with it, then apply again.')
  }
  const result = diff(now?.text ?? '', body)
  if (!result.ok) throw new Refused(422, 'invalid', 'The configuration has errors; nothing was changed.', 'Mend the findings.', { findings: result.findings })
  const revision = apply(body, me.username, url.searchParams.get('comment') ?? '')
  happened('configuration', `revision ${revision} applied`, { by: me.username })
  return { revision, findings: result.findings, changes: result.changes.length }
}

function changePassword({ body, me }: Call) {
  const wanted: { current: string; new: string } = JSON.parse(body)
  const user = users.find((each) => each.username === me.username)
  if (user === undefined || user.password !== wanted.current) throw new Refused(403, 'forbidden', 'Changing the password: the current password is not right.', 'Enter the password you logged in with.')
  user.password = wanted.new
}

function setUp(wanted: { token: string; username: string; password: string }, response: ServerResponse) {
  if (users.length > 0) throw new Refused(409, 'conflict', 'This edge is set up already.', 'Log in.')
  if (wanted.token !== setupToken) throw new Refused(403, 'forbidden', 'Setting up: the token is wrong or has expired.', 'Use the newest link: the edge prints one at every start until an administrator exists.')
  users.push({ username: wanted.username, role: 'admin', created_at: ago(0), password: wanted.password })
  begin(wanted.username, response)
}

function login(wanted: { username: string; password: string }, response: ServerResponse) {
  if (wanted.username === 'limited') throw new Refused(429, 'rate_limited', 'Logging in: too many tries.', 'Wait, then try again.', { retry_after_ms: 30_000 })
  const user = users.find((each) => each.username === wanted.username)
  if (user === undefined || user.password !== wanted.password) throw new Refused(401, 'unauthenticated', 'Logging in: user name or password is not right.', 'Check both; capital letters matter.')
  user.last_login = ago(0)
  happened('login', `${user.username} logged in`, { by: user.username })
  begin(user.username, response)
}

function begin(username: string, response: ServerResponse) {
  const key = randomBytes(16).toString('hex')
  sessions.set(key, username)
  response.setHeader('Set-Cookie', `tagwerk_session=${key}; HttpOnly; SameSite=Strict; Path=/`)
  json(response, 200, meOf(username))
}

function meOf(username: string): Me {
  const role = users.find((each) => each.username === username)?.role ?? 'viewer'
  return { username, role, edge: 'plant-north-1', version: '0.1.0', via: 'session' }
}

function cookie(request: IncomingMessage): string {
  return /tagwerk_session=([0-9a-f]+)/.exec(request.headers.cookie ?? '')?.[1] ?? ''
}

function who(request: IncomingMessage): Me {
  const username = sessions.get(cookie(request))
  if (username === undefined) throw new Refused(401, 'unauthenticated', 'Nobody is logged in.', 'Log in.')
  return meOf(username)
}

function live(url: URL, request: IncomingMessage, response: ServerResponse) {
  if (Date.now() < dropUntil) {
    response.destroy()
    return
  }
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  streams.add(response)
  const send = (event: string, data: unknown) => response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
  const name = url.searchParams.get('device')
  const names = new Set((url.searchParams.get('tags') ?? '').split(','))
  let seen = -1
  const tags = () => {
    const fresh = edge.devices.flatMap((device) =>
      [...device.tags.values()].filter((tag) => tag.version > seen && (device.name === name || names.has(`${device.name}/${tag.point.name}`))).map((tag) => edge.live(device, tag)),
    )
    seen = edge.version
    if (fresh.length > 0) send('tags', { tags: fresh })
  }
  tags()
  send('status', edge.status(running()))
  const timers = [setInterval(tags, 250), setInterval(() => send('status', edge.status(running())), 2_000), setInterval(() => send('ping', {}), 15_000)]
  request.on('close', () => {
    timers.forEach((timer) => clearInterval(timer))
    streams.delete(response)
  })
}

function control(url: URL, response: ServerResponse) {
  const [, , what, value] = url.pathname.split('/')
  if (what === 'scenario') setScenario(value as Scenario)
  if (what === 'logout') sessions.clear()
  if (what === 'letters') letters.reset()
  if (what === 'alarms') alarms.reset()
  if (what === 'drop') {
    dropUntil = Date.now() + Number(value ?? 0)
    for (const stream of streams) stream.destroy()
  }
  response.writeHead(204).end()
}

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' }

async function asset(url: URL, request: IncomingMessage, response: ServerResponse, vite: ViteDevServer | undefined) {
  if (vite !== undefined) {
    vite.middlewares(request, response, () => {
      void vite.transformIndexHtml(url.pathname, readFileSync('index.html', 'utf8')).then((html) => response.writeHead(200, { 'Content-Type': 'text/html' }).end(html))
    })
    return
  }
  const path = normalize(url.pathname)
  const file = extname(path) === '' ? 'index.html' : path
  try {
    const content = readFileSync(join('dist', file))
    response.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream', 'Content-Security-Policy': "default-src 'self'" }).end(content)
  } catch {
    response.writeHead(404).end()
  }
}

function json(response: ServerResponse, status: number, body: unknown) {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}

async function received(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(Buffer.from(part as Uint8Array))
  return Buffer.concat(parts)
}
