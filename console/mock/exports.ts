/** History as a file, of the mock: CSV for real, and for Parquet a file that only looks like one from outside. */
import { Refused, type Route } from './call'
import type { MockEdge } from './edge'

/** `*` and `?`, over `device.tag` and `device/tag`. */
function matcher(pattern: string): RegExp {
  const escaped = pattern.replaceAll(/[\\^$+()|[\]{}]/g, String.raw`\$&`).replaceAll(/[./]/g, '[./]').replaceAll('*', '.*').replaceAll('?', '.')
  return new RegExp(`^${escaped}$`)
}

export function exportRoutes(edge: MockEdge): Route[] {
  return [
    [/^GET \/history\/export$/, 'viewer', ({ url, response }) => {
      const format = url.searchParams.get('format') ?? 'parquet'
      const [from, to] = ['from', 'to'].map((name) => Date.parse(url.searchParams.get(name) ?? ''))
      if (from === undefined || to === undefined || !(from < to)) throw new Refused(422, 'invalid', 'Exporting history: the end does not lie after the beginning.', 'Give both as RFC 3339 times.')
      const wanted = url.searchParams.getAll('tag').map(matcher)
      const chosen = edge.devices.flatMap((device) => [...device.tags.values()].map((tag) => ({ device, tag }))).filter(({ device, tag }) => wanted.length === 0 || wanted.some((each) => each.test(`${device.name}.${tag.point.name}`)))
      if (chosen.length === 0) throw new Refused(404, 'not_found', `Exporting history: no tag matches ${url.searchParams.getAll('tag').join(', ')}.`, 'Look at the names under Storage.')
      const rows = chosen.flatMap(({ device, tag }) => edge.samples(device, tag, from, to, 4_000).samples.map((each) => `${each.time},${device.name},${tag.point.name},${each.text ?? ''},${each.quality}\n`))
      const body = format === 'csv' ? `time,device,tag,value,quality\n${rows.join('')}` : `PAR1${rows.length}PAR1`
      response.writeHead(200, { 'Content-Type': format === 'csv' ? 'text/csv' : 'application/vnd.apache.parquet', 'Content-Disposition': `attachment; filename="samples.${format}"` }).end(body)
    }],
  ]
}
