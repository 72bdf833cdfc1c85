/** The mock's dead letters: a few of yesterday, and a run of them while its faults last. */
import type { DeadLetter, DeadLetterAnswer, DeadLetterChoice } from '../src/api/ledger'
import { Refused, type Route } from './call'
import type { MockEdge } from './edge'
import { happened } from './keep'

export interface Letter extends DeadLetter {
  at: number
  /** only while the mock has its faults */
  faulty: boolean
  /** what became of it */
  end: 'waits' | 'delivered' | 'discarded'
}

const reasons = [
  'HTTP 422: unknown equipment "packer-2" (code MES-4107)',
  'HTTP 400: field "unit" must be one of bar, kPa, degC',
  'HTTP 413: the message is larger than this server takes (1 MiB)',
]

const groups = [
  ['packer-2', 'fast', 1_240],
  ['packer-1', 'slow', 96],
  ['boiler-2', 'fast', 412],
] as const

function made(edge: MockEdge): Letter[] {
  const letter = (index: number, at: number, more: Partial<Letter>): Letter => {
    const [device, group, samples] = groups[index % groups.length] ?? groups[0]
    return { id: `mes-${index}`, sink: 'mes', time: new Date(at).toISOString(), at, reason: reasons[index % reasons.length] ?? '', device, group, samples: samples + (index % 7), tries: 1 + (index % 3), retriable: true, faulty: false, end: 'waits', ...more }
  }
  const old = [0, 1, 2].map((index) => letter(index, edge.started - 26 * 3_600_000 + index * 61_000, { retriable: index !== 1 }))
  const fresh = Array.from({ length: 58 }, (_, index) => letter(index + 3, edge.started - 2_500_000 + index * 41_000, { faulty: true }))
  return [...old, ...fresh]
}

export class Letters {
  private readonly all: Letter[]

  constructor(private readonly edge: MockEdge) {
    this.all = made(edge)
    edge.rejected = () => this.waiting('').length
  }

  /** As at the start. */
  reset() {
    for (const each of this.all) each.end = 'waits'
  }

  /** Every one that has been, whatever became of it. */
  known(): Letter[] {
    return this.all.filter((each) => (!each.faulty || this.edge.scenario === 'faults') && this.edge.devices.length > 0)
  }

  waiting(sink: string): Letter[] {
    return this.known()
      .filter((each) => each.end === 'waits' && (sink === '' || each.sink === sink))
      .toSorted((a, b) => b.at - a.at)
  }

  end(body: string, end: 'delivered' | 'discarded', by: string): DeadLetterAnswer {
    const { sink, ids }: DeadLetterChoice = JSON.parse(body)
    const found = this.waiting(sink).filter((each) => (ids === undefined || ids.includes(each.id)) && (end === 'discarded' || each.retriable))
    if (ids !== undefined && found.length === 0) {
      throw new Refused(409, 'conflict', `Sink ${sink} has none of these dead letters any more.`, 'Look at the list: somebody else may have retried or discarded them.')
    }
    for (const each of found) each.end = end
    happened('sink', `${found.length} dead letters ${end === 'delivered' ? 'retried' : 'discarded'}`, { by, subject: sink })
    return { letters: found.length }
  }
}

const shown = ({ at: _at, faulty: _faulty, end: _end, ...letter }: Letter): DeadLetter => letter

export function letterRoutes(letters: Letters): Route[] {
  return [
    [/^GET \/dead-letters$/, 'viewer', ({ url }) => {
      const all = letters.waiting(url.searchParams.get('sink') ?? '')
      const offset = Number(url.searchParams.get('offset') ?? 0)
      const items = all.slice(offset, offset + Math.min(1_000, Number(url.searchParams.get('limit') ?? 100)))
      return { items: items.map(shown), total: all.length, next: offset + items.length < all.length ? offset + items.length : undefined }
    }],
    [/^GET \/dead-letters\/export$/, 'viewer', ({ url, response }) => {
      const lines = letters.waiting(url.searchParams.get('sink') ?? '').map(({ device, group, sink, time, reason }) => `${JSON.stringify({ sink, device, tag: `${group}_value`, time, value: 1, reason })}\n`)
      response.writeHead(200, { 'Content-Type': 'application/x-ndjson', 'Content-Disposition': 'attachment; filename="dead-letters.jsonl"' }).end(lines.join(''))
    }],
    [/^POST \/dead-letters\/retry$/, 'engineer', ({ body, me }) => letters.end(body, 'delivered', me.username)],
    [/^POST \/dead-letters\/discard$/, 'engineer', ({ body, me }) => letters.end(body, 'discarded', me.username)],
  ]
}
