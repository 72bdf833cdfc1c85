/** What the mock says about its storage: figures that agree with its tags and with a month that is kept. */
import type { Storage, TagStorage } from '../src/api/history'
import type { Status } from '../src/api/types'
import type { Route } from './call'
import type { MockEdge } from './edge'
import { keptMs } from './past'

const limitBytes = 8_000_000_000
const bytesOf: Record<string, number> = { bool: 0.06, text: 0.11, float32: 1.9, float64: 2.3, uint64: 1.4, uint32: 0.8 }

function tagRows(edge: MockEdge): TagStorage[] {
  const rows = edge.devices.flatMap((device) =>
    [...device.tags.values()].map((tag): TagStorage => {
      const keptFor = (device.written === '' ? keptMs : 0) + Date.now() - device.bornAt
      const samples = Math.floor(keptFor / Math.max(1_000, tag.intervalMs))
      const each = bytesOf[tag.point.type] ?? 0.9
      return {
        device: device.name,
        tag: tag.point.name,
        type: tag.point.type,
        unit: tag.point.unit,
        configured: true,
        samples,
        bytes: Math.round(samples * each),
        bytes_per_sample: samples === 0 ? null : each,
        oldest: samples === 0 ? null : new Date(Date.now() - keptFor).toISOString(),
        newest: samples === 0 ? null : (tag.last === undefined ? null : new Date(tag.last.at).toISOString()),
      }
    }),
  )
  if (edge.devices.length > 0) {
    const back = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString()
    rows.push({ device: 'boiler-0', tag: 'drum_pressure', type: 'float32', unit: 'bar', configured: false, samples: 1_728_000, bytes: 3_280_000, bytes_per_sample: 1.9, oldest: back(29), newest: back(9) })
  }
  return rows.toSorted((a, b) => b.bytes - a.bytes)
}

function storage(edge: MockEdge, status: Status): Storage {
  const rows = tagRows(edge)
  const bytes = rows.reduce((sum, row) => sum + row.bytes, 0)
  const samples = rows.reduce((sum, row) => sum + row.samples, 0)
  const perDay = bytes / 30
  const short = edge.scenario === 'faults'
  const limit = short ? Math.round(bytes + 2.4 * perDay) : limitBytes
  return {
    history: {
      bytes,
      samples,
      bytes_per_sample: samples === 0 ? null : bytes / samples,
      segments: Math.ceil(bytes / 16_000_000),
      rollups: short ? { minute_bytes: 41_000_000, hour_bytes: 1_200_000, day_bytes: 0 } : { minute_bytes: 0, hour_bytes: 0, day_bytes: 0 },
      limit_bytes: limit,
      oldest: samples === 0 ? null : new Date(edge.started - keptMs).toISOString(),
      newest: samples === 0 ? null : new Date(Date.now() - 60_000).toISOString(),
      bytes_per_day: samples === 0 ? null : Math.round(perDay),
      days_left: samples === 0 ? null : (limit - bytes) / perDay,
      waiting_samples: samples === 0 ? 0 : 1_840,
      errors: short ? 3 : 0,
      last_error: short ? 'segment 41 could not be written: no space left on device' : null,
    },
    journal: status.journal,
    disk: { free_bytes: short ? 190_000_000 : 21_400_000_000 },
  }
}

export function storageRoutes(edge: MockEdge, status: () => Status): Route[] {
  return [
    [/^GET \/storage$/, 'viewer', () => storage(edge, status())],
    [/^GET \/storage\/tags$/, 'viewer', ({ url }) => {
      const filter = url.searchParams.get('filter')?.toLowerCase() ?? ''
      const found = tagRows(edge).filter((row) => `${row.device}/${row.tag}`.toLowerCase().includes(filter))
      const offset = Number(url.searchParams.get('offset') ?? 0)
      const items = found.slice(offset, offset + Math.min(1_000, Number(url.searchParams.get('limit') ?? 100)))
      return { items, total: found.length, next: offset + items.length < found.length ? offset + items.length : undefined }
    }],
  ]
}
