/** Tags of a trend with their samples: as asked for, and as they come live after. */
import { queryOptions, useQueries, useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'

import { api } from '../api/client'
import { ApiError } from '../api/errors'
import { live } from '../api/live'
import { queryClient, statusQuery, tagQuery } from '../api/queries'
import type { Sample, Samples, Tag } from '../api/types'
import { extended, keyOf, plainSeries, seriesOf, type Range, type Series, type TagName } from '../lib/trend'

export interface Trace extends TagName {
  key: string
  /** not known while it loads, nor where the edge has no such tag any more */
  about: Tag | undefined
  /** only its history is left */
  gone: boolean
  series: Series
  /** undefined before the first answer */
  answer: Samples | undefined
  loading: boolean
  error: unknown
  retry: () => void
}

/** What is drawn reaches a little over both edges, so that lines run out of the view. */
const margin = 0.1

function trendQuery({ device, tag }: TagName, range: Range, points: number, offsetMs: number) {
  const key = keyOf({ device, tag })
  const ask = (from: number, to: number, signal: AbortSignal) => api.samples(device, tag, new Date(from).toISOString(), new Date(to).toISOString(), points, signal)
  return queryOptions<Samples>({
    queryKey: ['trend', key, range.live ? range.spanMs : `${range.from}-${range.to}`, points],
    queryFn: ({ signal }) => {
      const now = Date.now() + offsetMs
      if (range.live) return ask(now - range.spanMs * (1 + margin), now, signal)
      const pad = (range.to - range.from) * margin
      return ask(Math.round(range.from - pad), Math.max(Math.round(range.from), Math.min(now, Math.round(range.to + pad))), signal)
    },
    refetchInterval: range.live ? Math.max(5_000, range.spanMs / 400) : false,
    refetchOnWindowFocus: range.live,
    staleTime: range.live ? 1_000 : 60_000,
    gcTime: 60_000,
    // While a new range comes, the line of the last one stands in, wherever it reaches.
    placeholderData: () => newestOf(key),
  })
}

function newestOf(key: string): Samples | undefined {
  const known = queryClient.getQueryCache().findAll({ queryKey: ['trend', key] }).filter((query) => query.state.data !== undefined)
  return known.toSorted((a, b) => b.state.dataUpdatedAt - a.state.dataUpdatedAt)[0]?.state.data as Samples | undefined
}

/** How far the edge's clock is from this browser's, where it matters for what lies at the right edge. */
export function useClockOffset(): number {
  const { data, dataUpdatedAt } = useQuery(statusQuery)
  if (data === undefined) return 0
  const offset = Date.parse(data.now) - dataUpdatedAt
  return Math.abs(offset) > 5_000 ? Math.round(offset / 1_000) * 1_000 : 0
}

const tailMost = 4_000
const none: Sample[] = []

/** What the live stream says of these tags, taken over twice a second. */
function useTails(keys: string[], on: boolean): ReadonlyMap<string, Sample[]> {
  const [tails, setTails] = useState<ReadonlyMap<string, Sample[]>>(new Map())
  const joined = keys.join(' ')
  useEffect(() => {
    const watched = joined === '' ? [] : joined.split(' ')
    live.watch(watched)
    if (!on) return
    const fresh = new Map<string, Sample[]>()
    const stops = watched.map((key) =>
      live.onTag(key, () => {
        const value = live.value(key)
        if (value === undefined || value.time === null) return
        fresh.set(key, [...(fresh.get(key) ?? []), { time: value.time, value: value.value, text: value.text, quality: value.quality, code: value.code }])
      }),
    )
    const timer = window.setInterval(() => {
      if (fresh.size === 0) return
      const taken = new Map(fresh)
      fresh.clear()
      setTails((before) => new Map(watched.map((key) => [key, [...(before.get(key) ?? none), ...(taken.get(key) ?? none)].slice(-tailMost)])))
    }, 500)
    return () => {
      window.clearInterval(timer)
      for (const stop of stops) stop()
      setTails(new Map())
    }
  }, [joined, on])
  return tails
}

const made = new WeakMap<Samples, { tail: Sample[]; type: string; plain: Series; series: Series }>()
const emptySeries = seriesOf([], [], 'float64')

/** The same series for the same samples, so that only what changed is drawn anew. */
function seriesFor(answer: Samples | undefined, tail: Sample[], type: string): Series {
  if (answer === undefined) return emptySeries
  const known = made.get(answer)
  if (known !== undefined && known.tail === tail && known.type === type) return known.series
  const plain = known !== undefined && known.type === type ? known.plain : plainSeries(answer.samples, type)
  const series = extended(plain, tail)
  made.set(answer, { tail, type, plain, series })
  return series
}

export function useTraces(tags: TagName[], range: Range, points: number, offsetMs: number): Trace[] {
  const about = useQueries({ queries: tags.map(({ device, tag }) => ({ ...tagQuery(device, tag), refetchInterval: 60_000, staleTime: 60_000 })) })
  const samples = useQueries({ queries: tags.map((each) => trendQuery(each, range, points, offsetMs)) })
  const tails = useTails(tags.map(keyOf), range.live)
  return tags.map((name, index) => {
    const key = keyOf(name)
    const [known, asked] = [about[index], samples[index]]
    return {
      ...name,
      key,
      about: known?.data,
      answer: asked?.data,
      series: seriesFor(asked?.data, range.live ? (tails.get(key) ?? none) : none, known?.data?.type ?? typeFrom(asked?.data)),
      loading: asked === undefined || asked.isPending || asked.isPlaceholderData,
      gone: known?.error instanceof ApiError && known.error.status === 404,
      error: asked?.error ?? null,
      retry: () => {
        void known?.refetch()
        void asked?.refetch()
      },
    }
  })
}

/** A tag that the configuration no longer has is drawn as its values are. */
function typeFrom(answer: Samples | undefined): string {
  const value = answer?.samples.find((sample) => sample.value !== null)?.value
  return typeof value === 'boolean' ? 'bool' : typeof value === 'string' ? 'text' : 'float64'
}
