/** What the mock keeps beside its configuration: secrets, certificates, events; and files that go in and out. */
import { createHash, randomBytes } from 'node:crypto'

import type { EdgeEvent, ImportAnswer, ImportFinding, RestoreAnswer } from '../src/api/exchange'
import type { Certificate, Certificates, Secret } from '../src/api/types'
import { withDevice } from '../src/lib/document'
import { Refused, ago, type Call, type Route } from './call'
import { diff } from './config'
import type { MockEdge } from './edge'

const secrets = new Map<string, Secret>()

const certificate = (subject: string, more: Partial<Certificate> = {}): Certificate => ({
  fingerprint: createHash('sha256').update(subject).digest('hex'),
  subject,
  issuer: more.self_signed === false ? 'CN=Plant CA, O=Example' : subject,
  self_signed: true,
  authority: false,
  not_before: ago(86_400_000 * 100),
  not_after: ago(-86_400_000 * 630),
  serial: '4a:91:0c:77',
  uris: [`urn:${subject.replace(/^CN=/, '').split(',')[0]?.toLowerCase().replaceAll(' ', ':')}`],
  names: ['192.168.0.20'],
  key: 'RSA 2048',
  purpose: null,
  ...more,
})

const certificates: Certificates = {
  own: [certificate('CN=Tagwerk plant-north-1, O=Example', { purpose: 'opcua client' })],
  trusted: [certificate('CN=Plant CA, O=Example', { authority: true, uris: [], names: [] }), certificate('CN=Old press, O=Example', { not_after: ago(-86_400_000 * 12) })],
  rejected: [
    { ...certificate('CN=Press line server, O=Maker', { purpose: 'opcua press-line' }), first_seen: ago(7_200_000), last_seen: ago(4_000), times: 412, reason: 'it is self-signed and not among the trusted ones' },
  ],
  revocation_lists: [{ id: 'c'.repeat(64), issuer: 'CN=Plant CA, O=Example', next_update: ago(-86_400_000 * 6), revoked: 3 }],
}

const kept: EdgeEvent[] = []
let seq = 0

export function happened(kind: EdgeEvent['kind'], text: string, more: Partial<EdgeEvent> = {}) {
  kept.unshift({ seq: ++seq, at: ago(0), kind, severity: 'info', by: null, subject: null, text, ...more })
}

function past() {
  for (let index = 240; index > 0; index--) {
    const at = ago(index * 1_700_000)
    const turn = index % 8
    if (turn === 0) happened('device', 'packer-2 is offline: connection refused by 127.0.0.1:5021', { at, severity: 'error', subject: 'packer-2' })
    else if (turn === 1) happened('device', 'packer-2 is online again after 4 min', { at, subject: 'packer-2' })
    else if (turn === 2) happened('login', 'anna logged in', { at, by: 'anna' })
    else if (turn === 3) happened('command', 'pressure_setpoint of boiler-1 written: 8 → 8.5 bar', { at, by: 'lena', subject: 'boiler-1/pressure_setpoint' })
    else if (turn === 4) happened('sink', 'cloud: unstable link, 12 changes in 5 min', { at, severity: 'warning', subject: 'cloud' })
    else if (turn === 5) happened('login', 'refused: wrong password for max', { at, severity: 'warning', by: 'max' })
    else if (turn === 6) happened('configuration', 'revision 2 applied: Packer 1 twice as fast', { at, by: 'max' })
    else happened('system', 'the clock was set by 0.4 s', { at })
  }
}
past()

/** As the table `events` has them. */
export function eventRows(): (string | null)[][] {
  return kept.map((each) => [each.at, each.kind, each.severity, each.by, each.subject, each.text]).toReversed()
}

function listEvents({ url }: Call) {
  const kind = url.searchParams.get('kind')
  const text = url.searchParams.get('text')?.toLowerCase() ?? ''
  const before = Number(url.searchParams.get('before') ?? Infinity)
  const limit = Number(url.searchParams.get('limit') ?? 100)
  const found = kept.filter((each) => each.seq < before && (kind === null || each.kind === kind) && `${each.text} ${each.subject ?? ''} ${each.by ?? ''}`.toLowerCase().includes(text))
  const items = found.slice(0, limit)
  return { items, next: found.length > items.length ? (items.at(-1)?.seq ?? null) : null }
}

function usedBy(text: string, name: string): string[] {
  return [...text.matchAll(/(\w+): ?\{ ?secret: ?"?([\w.-]+)"? ?\}|(\w+):\s*\n\s*secret: ?"?([\w.-]+)"?/g)]
    .filter((match) => match[2] === name || match[4] === name)
    .map((match) => `devices/press-line/settings/${match[1] ?? match[3] ?? ''}`)
}

function importFile(text: string, { url, bytes }: Call): ImportAnswer {
  const content = bytes.toString('utf8')
  const wanted = url.searchParams.get('format') ?? 'auto'
  const kind = wanted === 'auto' ? (content.startsWith('PK') ? 'xlsx' : content.includes('neuron') ? 'neuron' : 'csv') : wanted
  const rows = content.split(/\r?\n/).filter((line) => line.trim() !== '')
  const head = (rows[0] ?? '').split(/[;,]/)
  const findings: ImportFinding[] = []
  if (!head.includes('device')) {
    findings.push({ weight: 'error', sheet: null, row: 1, column: null, value: (rows[0] ?? '').slice(0, 40), problem: 'the first row has no column `device`', remedy: 'Start from the empty table that this page offers.' })
  }
  const forms = new Map<string, { name: string; address: string; type: string }[]>()
  for (const [index, row] of rows.slice(1).entries()) {
    const cells = row.split(/[;,]/)
    const cell = (name: string) => cells[head.indexOf(name)] ?? ''
    if (cell('type') !== '' && !/^(bool|u?int\d+|float\d+|text|bytes)$/.test(cell('type'))) {
      findings.push({ weight: 'error', sheet: null, row: index + 2, column: 'type', value: cell('type'), problem: `\`${cell('type')}\` is no data type`, remedy: 'Use one of bool, int16, uint16, int32, uint32, float32, float64, text.' })
    } else if (cell('unit') === '') {
      findings.push({ weight: 'warning', sheet: null, row: index + 2, column: 'unit', value: null, problem: 'the tag has no unit', remedy: 'Give one, unless the value has none.' })
    }
    if (cell('device') !== '') forms.set(cell('device'), [...(forms.get(cell('device')) ?? []), { name: cell('tag'), address: cell('address'), type: cell('type') }])
  }
  const tags = [...forms.values()].reduce((sum, each) => sum + each.length, 0)
  const answer = { kind, devices: forms.size, tags, rows: Math.max(0, rows.length - 1), findings, findings_dropped: 0, assumed: [], not_translated: content.includes('alarm') ? [{ what: 'alarm limits', where: 'column alarm', why: 'Tagwerk has no alarms of single tags' }] : [] }
  if (findings.some((each) => each.weight === 'error')) return { ...answer, document: null, diff: null }
  let document = text
  for (const [name, list] of forms) document = withDevice(document, { name, driver: 'modbus-tcp', settings: { host: '192.168.0.30' }, groups: [{ name: 'main', interval: '1s', tags: list }] })
  return { ...answer, document, diff: diff(text, document) }
}

function backup({ body, response }: Call) {
  const { passphrase }: { passphrase: string } = JSON.parse(body)
  if (passphrase.length < 12) throw new Refused(422, 'invalid', 'The passphrase is too short.', 'Use 12 characters or more.')
  response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Disposition': 'attachment; filename="tagwerk-plant-north-1-2026-11-21.backup"' })
  response.end(JSON.stringify({ passphrase, noise: randomBytes(64).toString('hex') }))
}

function restore({ bytes, request, url }: Call): RestoreAnswer {
  const passphrase = decodeURIComponent(String(request.headers['x-passphrase'] ?? ''))
  let made: string | undefined
  try {
    made = (JSON.parse(bytes.toString('utf8')) as { passphrase: string }).passphrase
  } catch {
    throw new Refused(422, 'invalid', 'Opening the backup: the file is no backup of Tagwerk.', 'Choose a file that ends in .backup.')
  }
  if (made !== passphrase) throw new Refused(422, 'invalid', 'Opening the backup: the passphrase is not right, or the file is damaged.', 'Enter the passphrase that the backup was made with.')
  return { edge: 'plant-north-1', made_at: ago(3_600_000), version: '0.1.0', revision: 2, devices: 4, tags: 56, users: 4, tokens: 1, certificates: 3, secrets: [...secrets.keys()], findings: [{ weight: 'warning', problem: 'the edge is not the one that the backup was made on', remedy: 'Take the old edge off the network first.' }], applied: url.searchParams.get('apply') === 'true' }
}

const csvHead = 'device,driver,group,interval,tag,address,type,unit,description'

function exported(edge: MockEdge, { url, response }: Call) {
  const format = url.searchParams.get('format') ?? 'csv'
  const wanted = (url.searchParams.get('devices') ?? '').split(',').filter((each) => each !== '')
  const empty = url.searchParams.get('empty') === 'true'
  const rows = empty ? ['press-1,modbus-tcp,main,1s,temperature,holding:100,float32,°C,Oil temperature'] : edge.devices.filter((device) => wanted.length === 0 || wanted.includes(device.name)).flatMap((device) => [...device.tags.values()].map((tag) => `${device.name},${device.driver},${tag.point.group},1s,${tag.point.name},${tag.point.address},${tag.point.type},${tag.point.unit ?? ''},${tag.point.description ?? ''}`))
  response.writeHead(200, { 'Content-Type': 'text/csv', 'Content-Disposition': `attachment; filename="${empty ? 'empty' : 'plant-north-1-tags'}.${format}"` })
  response.end(`${csvHead}\n${rows.join('\n')}\n`)
}

export function keepRoutes(edge: MockEdge, running: () => string): Route[] {
  return [
    [/^GET \/secrets$/, 'engineer', () => ({ items: [...secrets.values()].map((each) => ({ ...each, used_by: usedBy(running(), each.name) })) })],
    [/^PUT \/secrets\/([^/]+)$/, 'admin', (call) => {
      const name = call.part(1)
      secrets.set(name, { name, changed_at: ago(0), changed_by: call.me.username, used_by: [] })
      happened('secret', `secret ${name} set`, { by: call.me.username, subject: name })
      return secrets.get(name)
    }],
    [/^DELETE \/secrets\/([^/]+)$/, 'admin', (call) => {
      const users = usedBy(running(), call.part(1))
      if (users.length > 0) throw new Refused(409, 'conflict', `Secret ${call.part(1)} is used by ${users.join(', ')}.`, 'Let them use another secret first.')
      secrets.delete(call.part(1))
    }],
    [/^GET \/certificates$/, 'engineer', () => certificates],
    [/^POST \/certificates$/, 'engineer', ({ body }) => {
      const { pem }: { pem: string } = JSON.parse(body)
      if (!/-----BEGIN|^[A-Za-z0-9+/=\s]{40,}$/.test(pem)) throw new Refused(422, 'invalid', 'The text is no certificate and no revocation list.', 'Paste PEM, from -----BEGIN to -----END, or DER in base64.')
      certificates.trusted.push(certificate(`CN=Uploaded ${certificates.trusted.length}, O=Example`))
    }],
    [/^POST \/certificates\/([^/]+)\/trust$/, 'engineer', (call) => {
      const found = certificates.rejected.find((each) => each.fingerprint === call.part(1))
      certificates.rejected = certificates.rejected.filter((each) => each !== found)
      if (found !== undefined) certificates.trusted.push(found)
    }],
    [/^DELETE \/certificates\/([^/]+)$/, 'engineer', (call) => {
      certificates.trusted = certificates.trusted.filter((each) => each.fingerprint !== call.part(1))
      certificates.rejected = certificates.rejected.filter((each) => each.fingerprint !== call.part(1))
      certificates.revocation_lists = certificates.revocation_lists.filter((each) => each.id !== call.part(1))
    }],
    [/^GET \/certificates\/([^/]+)\/pem$/, 'engineer', ({ response }) => void response.writeHead(200, { 'Content-Type': 'text/plain' }).end('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n')],
    [/^GET \/events$/, 'viewer', listEvents],
    [/^GET \/export$/, 'engineer', (call) => exported(edge, call)],
    [/^POST \/import$/, 'engineer', (call) => importFile(running(), call)],
    [/^POST \/backup$/, 'admin', backup],
    [/^POST \/restore$/, 'admin', restore],
  ]
}
