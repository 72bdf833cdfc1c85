/** Trials and the communication log. `unreachable.example` as host or endpoint cannot be connected to. */
import type { Finding, Frame, TrialBrowse, TrialEstimate, TrialRead, TrialValue } from '../src/api/types'
import { Refused, ago, type Call, type Route } from './call'
import { components } from './components'
import { durationMs } from './config'
import { browse, fieldValue, frameHex } from './field'
import { expanded, type PlainDevice } from './library'
import type { MockEdge } from './edge'

function findingsOf(device: PlainDevice): Finding[] {
  const spec = components.drivers.find((each) => each.name === device.driver)
  const finding = (path: string, problem: string, remedy: string): Finding => ({ weight: 'error', path, line: 1, column: 1, problem, remedy })
  if (spec === undefined) return [finding('driver', `there is no driver \`${device.driver ?? ''}\``, 'Choose one of the list.')]
  const missing = (spec.settings.required ?? []).filter((name) => device.settings?.[name] === undefined)
  const wrong = (device.groups ?? []).flatMap((group) => group.tags ?? []).filter((tag) => device.driver?.startsWith('modbus') && !/^(coil|discrete|input|holding|c|d|i|h):\d/i.test(tag.address))
  return [
    ...missing.map((name) => finding(`settings.${name}`, `\`${name}\` is missing`, 'Give it a value.')),
    ...wrong.map((tag) => finding(`groups[0].tags[${tag.name}].address`, `\`${tag.address}\` is no address of this driver`, 'Write the area and the offset, such as `holding:100`.')),
  ]
}

let frameNumber = 1
const frame = (direction: Frame['direction'], meaning: string, hex = '', device: string | null = null): Frame => ({
  number: frameNumber++,
  at: ago(0),
  direction,
  hex: frameHex(hex),
  bytes: hex.length / 2,
  meaning,
  device,
})

function place(device: PlainDevice): string {
  const settings = device.settings ?? {}
  return String(settings['endpoint'] ?? `${settings['host'] ?? 'simulated'}:${settings['port'] ?? 502}`)
}

function refusedPlace(device: PlainDevice) {
  if (!/unreachable/.test(place(device)) && device.settings?.['unreachable'] !== true) return null
  return { problem: `Connecting to ${place(device)}: no answer within 3 s.`, remedy: 'Check the address, that the device is switched on, and that no firewall lies between.' }
}

const trying = new Set<string>()

/** Like the edge, the mock lets a user try one device at a time. */
function alone<T>(run: (call: Call) => Promise<T>): (call: Call) => Promise<T> {
  return async (call) => {
    const { username } = call.me
    if (trying.has(username)) throw new Refused(409, 'limit', `A trial of ${username} is under way.`, 'Wait until it has ended, within a minute.')
    trying.add(username)
    try {
      return await run(call)
    } finally {
      trying.delete(username)
    }
  }
}

const plain = (call: Call): { device: PlainDevice; templates?: unknown[]; node?: string; after?: string | null } => JSON.parse(call.body)

async function read(call: Call): Promise<TrialRead> {
  const request = plain(call)
  const device = expanded(request.device, request.templates ?? [])
  const findings = findingsOf(device)
  const none = { used_running_link: false, connect_ms: null, elapsed_ms: 0, findings, values: [], frames: [] }
  if (findings.length > 0) return { ok: false, problem: null, ...none }
  await new Promise((done) => setTimeout(done, 60))
  const problem = refusedPlace(device)
  if (problem !== null) return { ok: false, problem, ...none, elapsed_ms: 3_000, frames: [frame('note', `Connecting to ${place(device)}`), frame('note', 'No answer within 3 s')] }
  const values = (device.groups ?? []).flatMap((group) =>
    (group.tags ?? []).map((tag): TrialValue => {
      const got = fieldValue(device.driver ?? '', device.settings ?? {}, tag.address, tag.type)
      const slope = tag.scale?.slope
      const scaled = slope === undefined || got.text === null ? got.text : String(Number((Number(got.text) * slope + (tag.scale?.offset ?? 0)).toPrecision(12)))
      return { group: group.name, tag: tag.name, address: tag.address, type: slope === undefined ? tag.type : 'float64', value: slope === undefined ? got.value : Number(scaled), text: scaled, ...(slope === undefined ? {} : { raw: got.value }), unit: tag.unit, quality: got.quality, source_time: device.driver === 'opcua' ? ago(40) : null }
    }),
  )
  const frames = [
    frame('note', `Connected to ${place(device)}`),
    ...values.slice(0, 20).flatMap((value) => [frame('sent', `Read ${value.address}`, '00010000000601030064007d'), frame('received', value.text === null ? value.quality.reason : `${value.address} is ${value.text.slice(0, 40)}`, '0001000000fd0103fa')]),
  ]
  return { ok: true, used_running_link: false, connect_ms: 12.4, elapsed_ms: 61.3, problem: null, findings, values, frames }
}

async function browsed(call: Call): Promise<TrialBrowse> {
  const { device, node = '', after = null } = plain(call)
  const findings = findingsOf(device)
  if (findings.length > 0) return { ok: false, problem: null, findings, nodes: [], more: null, frames: [] }
  await new Promise((done) => setTimeout(done, 40))
  const problem = refusedPlace(device)
  if (problem !== null) return { ok: false, problem, findings, nodes: [], more: null, frames: [frame('note', problem.problem)] }
  if (!components.drivers.find((each) => each.name === device.driver)?.abilities.includes('browse')) {
    throw new Refused(422, 'invalid', `Devices of driver ${device.driver ?? ''} cannot be browsed.`, 'Write the addresses of its tags by hand.')
  }
  const page = browse(node, after)
  if (page === undefined) return { ok: false, problem: { problem: `The server has no node ${node}.`, remedy: 'Browse again from the top.' }, findings, nodes: [], more: null, frames: [] }
  return { ok: true, problem: null, findings, ...page, frames: [frame('sent', `Browse ${node === '' ? 'the root' : node}`, '4d5347460000'), frame('received', `${page.nodes.length} nodes`, '4d53474600ff')] }
}

function estimate(edge: MockEdge, call: Call): TrialEstimate {
  const request = plain(call)
  const device = expanded(request.device, request.templates ?? [])
  const groups = (device.groups ?? []).map((group) => {
    const tags = group.tags?.length ?? 0
    const watched = device.driver === 'opcua'
    return { name: group.name, interval_ms: durationMs(group.interval) ?? 1_000, tags, requests_per_read: Math.ceil(tags / 12), watched }
  })
  const requests = groups.reduce((sum, group) => sum + (group.watched ? 0 : (1000 / group.interval_ms) * group.requests_per_read), 0)
  const running = edge.devices.find((each) => each.name === device.name)
  const roundTrip = running === undefined ? null : 3.1
  return {
    findings: [],
    groups,
    requests_per_second: requests,
    round_trip_ms: roundTrip,
    link_share: roundTrip === null ? null : (requests * roundTrip) / 1000,
    now: running === undefined ? null : { requests_per_second: 1.1, link_share: 0.0034 },
  }
}

/** One log for each device; it fills while it is on. */
const logs = new Map<string, { onUntil: number; frames: Frame[]; timer: NodeJS.Timeout | undefined }>()

function log(device: string) {
  let found = logs.get(device)
  if (found === undefined) logs.set(device, (found = { onUntil: 0, frames: [], timer: undefined }))
  return found
}

function traceAnswer(device: string, after: number, limit: number) {
  const { onUntil, frames } = log(device)
  const fresh = frames.filter((each) => each.number > after).slice(0, limit)
  const on = onUntil > Date.now()
  return { on, until: on ? new Date(onUntil).toISOString() : null, frames: fresh, first: frames[0]?.number ?? 0, next: fresh.at(-1)?.number ?? after }
}

function switchTrace(device: string, on: boolean) {
  const found = log(device)
  clearInterval(found.timer)
  found.onUntil = on ? Date.now() + 3_600_000 : 0
  let transaction = 1
  if (on) {
    found.timer = setInterval(() => {
      const id = (transaction++).toString(16).padStart(4, '0')
      found.frames.push(frame('sent', `Read input registers 0 to 33 of unit 1`, `${id}00000006010400000022`, device))
      found.frames.push(frame('received', `34 registers of unit 1`, `${id}00000047010444${'41040000'.repeat(17)}`, device))
      if (transaction % 15 === 0) found.frames.push(frame('note', 'The answer came 40 ms late', '', device))
      found.frames.splice(0, Math.max(0, found.frames.length - 1_000))
    }, 400)
    found.timer.unref()
  }
  return traceAnswer(device, 0, 0)
}

export function trialRoutes(edge: MockEdge): Route[] {
  return [
    [/^POST \/trials\/read$/, 'engineer', alone(read)],
    [/^POST \/trials\/browse$/, 'engineer', alone(browsed)],
    [/^POST \/trials\/estimate$/, 'engineer', (call) => estimate(edge, call)],
    [/^GET \/devices\/([^/]+)\/trace$/, 'viewer', (call) => traceAnswer(call.part(1), Number(call.url.searchParams.get('after') ?? 0), Number(call.url.searchParams.get('limit') ?? 500))],
    [/^PUT \/devices\/([^/]+)\/trace$/, 'operator', (call) => switchTrace(call.part(1), (JSON.parse(call.body) as { on: boolean }).on)],
  ]
}
