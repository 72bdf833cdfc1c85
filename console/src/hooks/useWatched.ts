/** The tags that patterns choose, as they are now. */
import { keepPreviousData, queryOptions, useQueries } from '@tanstack/react-query'
import { useMemo } from 'react'

import { api } from '../api/client'
import { ApiError } from '../api/errors'
import type { Tag } from '../api/types'
import { chooses, exactOf, isPlain, literalOf, patternOf, type TagPattern } from '../lib/pattern'
import { useSettled } from './useSettled'

/** As many as a page of the edge may hold. */
const tagsMost = 1_000

interface Found {
  tags: Tag[]
  /** false: there may be more */
  whole: boolean
}

async function find(pattern: TagPattern, signal: AbortSignal): Promise<Found> {
  const exact = exactOf(pattern)
  try {
    if (exact !== undefined) return { tags: [await api.tag(exact.device, exact.tag, signal)], whole: true }
    const filter = { filter: literalOf(pattern.tag) || undefined, limit: tagsMost }
    const page = await (isPlain(pattern.device) ? api.tags(pattern.device, filter, signal) : api.allTags(filter, signal))
    return { tags: page.items.filter((tag) => chooses(pattern, tag)), whole: page.items.length >= page.total }
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return { tags: [], whole: true }
    throw error
  }
}

const watchedQuery = (pattern: TagPattern) =>
  queryOptions({
    queryKey: ['watched', pattern.device, pattern.group, pattern.tag],
    queryFn: ({ signal }) => find(pattern, signal),
    // A list is long, one tag is not.
    refetchInterval: exactOf(pattern) === undefined ? 5_000 : 2_000,
    placeholderData: keepPreviousData,
  })

export interface Watched extends Found {
  /** nothing was found out yet */
  asking: boolean
  error: Error | null
}

export function useWatched(patterns: readonly string[]): Watched {
  const settled = useSettled(patterns.map((text) => text.trim()).join(' '))
  const parsed = useMemo(() => settled.split(' ').flatMap((text) => patternOf(text) ?? []), [settled])
  return useQueries({
    queries: parsed.map(watchedQuery),
    combine: (answers) => {
      const all = answers.flatMap((each) => each.data?.tags ?? [])
      const tags = [...new Map(all.map((tag) => [`${tag.device}/${tag.name}`, tag])).values()]
      return { tags, whole: answers.every((each) => each.data?.whole !== false), asking: answers.some((each) => each.isPending), error: answers.find((each) => each.error !== null)?.error ?? null }
    },
  })
}
