/** Addresses of files that the browser fetches by itself: they may be larger than what a page can hold. */
const prefix = '/api/v1'

export const fileFormats = [
  ['parquet', 'Parquet'],
  ['csv', 'CSV'],
] as const

export type FileFormat = (typeof fileFormats)[number][0]

/** Stored samples as a file; without tags those of all. A time is as in RFC 3339. */
export function historyFile(format: FileFormat, from: string, to: string, tags: string[]): string {
  const values = new URLSearchParams({ format, from, to })
  for (const tag of tags) values.append('tag', tag)
  return `${prefix}/history/export?${values}`
}

/** One tag, as the export names it. */
export const tagInFile = ({ device, tag }: { device: string; tag: string }) => `${device}.${tag}`

/** The samples of dead letters, a JSON object per line; without a sink those of all. */
export function deadLetterFile(sink: string): string {
  return `${prefix}/dead-letters/export${sink === '' ? '' : `?${new URLSearchParams({ sink })}`}`
}
