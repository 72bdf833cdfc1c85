/** What the console keeps of the edge's answers, and how fresh it must be. */
import { MutationCache, QueryCache, QueryClient, keepPreviousData, queryOptions } from '@tanstack/react-query'

import type { AlarmFilter } from './alarms'
import { api, type TagFilter } from './client'
import { ApiError } from './errors'
import type { Rule, RuleFilter } from './rules'
import { noteCost } from '../lib/ruleCost'
import { tablePageSize } from '../lib/tables'
import type { Range } from '../lib/trend'

let unauthenticated: () => void = () => {}

/** Called whenever the edge says that nobody is logged in. */
export function onUnauthenticated(handler: () => void) {
  unauthenticated = handler
}

/** For what is asked without the queries of this file. */
export function onRefused(error: unknown) {
  if (error instanceof ApiError && error.status === 401) unauthenticated()
}

export const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError: onRefused }),
  mutationCache: new MutationCache({ onError: onRefused }),
  defaultOptions: {
    queries: {
      staleTime: 1_000,
      refetchOnWindowFocus: true,
      // A 4xx will not get better by asking again.
      retry: (count, error) => count < 2 && !(error instanceof ApiError && error.status >= 400 && error.status < 500),
    },
    mutations: { retry: false },
  },
})

export const meQuery = queryOptions({ queryKey: ['me'], queryFn: ({ signal }) => api.me(signal), staleTime: Infinity })

export const statusQuery = queryOptions({
  queryKey: ['status'],
  queryFn: ({ signal }) => api.status(signal),
  // The live stream brings it every 2 s; this is for when the stream is down.
  refetchInterval: 10_000,
})

export const devicesQuery = queryOptions({
  queryKey: ['devices'],
  queryFn: ({ signal }) => api.devices(signal),
  refetchInterval: 2_000,
})

export const deviceQuery = (device: string) =>
  queryOptions({
    queryKey: ['device', device],
    queryFn: ({ signal }) => api.device(device, signal),
    refetchInterval: 2_000,
  })

export const tagsQuery = (device: string, filter: TagFilter) =>
  queryOptions({
    queryKey: ['tags', device, filter],
    queryFn: ({ signal }) => api.tags(device, filter, signal),
    refetchInterval: 3_000,
    placeholderData: keepPreviousData,
  })

export const tagQuery = (device: string, tag: string) =>
  queryOptions({
    queryKey: ['tag', device, tag],
    queryFn: ({ signal }) => api.tag(device, tag, signal),
    refetchInterval: 3_000,
  })

export const samplesQuery = (device: string, tag: string, spanMs: number) =>
  queryOptions({
    queryKey: ['samples', device, tag, spanMs],
    queryFn: ({ signal }) => {
      const to = Date.now()
      return api.samples(device, tag, new Date(to - spanMs).toISOString(), new Date(to).toISOString(), 600, signal)
    },
    refetchInterval: Math.max(5_000, spanMs / 600),
    placeholderData: (previous, query) => (query?.queryKey[2] === tag ? previous : undefined),
  })

export const commandsQuery = (limit: number) =>
  queryOptions({ queryKey: ['commands', limit], queryFn: ({ signal }) => api.commands(0, limit, signal) })

export const componentsQuery = queryOptions({
  queryKey: ['components'],
  queryFn: ({ signal }) => api.components(signal),
  staleTime: Infinity,
})

/** `null` when no configuration was applied yet. */
export const configQuery = queryOptions({
  queryKey: ['config'],
  queryFn: async ({ signal }) => {
    try {
      // Asked first, so that an empty edge is not asked for what it has not.
      const status = await api.status(signal)
      return status.config === null ? null : await api.config(signal)
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null
      throw error
    }
  },
})

export const revisionsQuery = (offset: number, limit: number) =>
  queryOptions({
    queryKey: ['revisions', offset, limit],
    queryFn: ({ signal }) => api.revisions(offset, limit, signal),
    placeholderData: keepPreviousData,
  })

export const revisionQuery = (revision: number) =>
  queryOptions({ queryKey: ['revision', revision], queryFn: ({ signal }) => api.revision(revision, signal) })

export const usersQuery = queryOptions({ queryKey: ['users'], queryFn: ({ signal }) => api.users(signal) })
export const tokensQuery = queryOptions({ queryKey: ['tokens'], queryFn: ({ signal }) => api.tokens(signal) })

export const templatesQuery = queryOptions({ queryKey: ['templates'], queryFn: ({ signal }) => api.templates(signal) })
export const secretsQuery = queryOptions({ queryKey: ['secrets'], queryFn: ({ signal }) => api.secrets(signal) })
export const certificatesQuery = queryOptions({
  queryKey: ['certificates'],
  queryFn: ({ signal }) => api.certificates(signal),
  // A server that is refused shows up while one waits for it.
  refetchInterval: 5_000,
})

export const storageQuery = queryOptions({ queryKey: ['storage'], queryFn: ({ signal }) => api.storage(signal), refetchInterval: 5_000 })

export const tagStorageQuery = (filter: string, offset: number, limit: number) =>
  queryOptions({
    queryKey: ['storage-tags', filter, offset, limit],
    queryFn: ({ signal }) => api.tagStorage({ filter, offset, limit }, signal),
    refetchInterval: 30_000,
    placeholderData: keepPreviousData,
  })

export const sqlTablesQuery = queryOptions({ queryKey: ['sql-tables'], queryFn: ({ signal }) => api.sqlTables(signal), staleTime: 30_000 })

const instant = (time: number) => new Date(time).toISOString()

/** Whole minutes, as the ledger counts; the end of a live range is left to the edge. */
function ledgerTimes(range: Range, offsetMs: number): { from?: string; to?: string } {
  if (range.live) return { from: instant(Math.floor((Date.now() + offsetMs - range.spanMs) / 60_000) * 60_000) }
  return { from: instant(Math.floor(range.from / 60_000) * 60_000), to: instant(Math.ceil(range.to / 60_000) * 60_000) }
}

const ledgerKey = (range: Range) => (range.live ? range.key : `${range.from} ${range.to}`)

export const ledgerQuery = (range: Range, device: string, offsetMs = 0) =>
  queryOptions({
    queryKey: ['ledger', ledgerKey(range), device],
    queryFn: ({ signal }) => api.ledger({ ...ledgerTimes(range, offsetMs), device }, signal),
    // A past range changes too: what waits is delivered.
    refetchInterval: range.live ? 5_000 : 30_000,
    placeholderData: keepPreviousData,
  })

export const ledgerGroupsQuery = (range: Range, device: string, offset: number, limit: number, offsetMs = 0) =>
  queryOptions({
    queryKey: ['ledger-groups', ledgerKey(range), device, offset, limit],
    queryFn: ({ signal }) => api.ledgerGroups({ ...ledgerTimes(range, offsetMs), device, offset, limit }, signal),
    refetchInterval: range.live ? 5_000 : 30_000,
    placeholderData: keepPreviousData,
  })

export const deadLettersQuery = (sink: string, offset: number, limit: number) =>
  queryOptions({
    queryKey: ['dead-letters', sink, offset, limit],
    queryFn: ({ signal }) => api.deadLetters({ sink, offset, limit }, signal),
    refetchInterval: 5_000,
    placeholderData: keepPreviousData,
  })

export const alarmsQuery = (filter: AlarmFilter) =>
  queryOptions({
    queryKey: ['alarms', filter],
    queryFn: ({ signal }) => api.alarms(filter, signal),
    refetchInterval: 2_000,
    placeholderData: keepPreviousData,
  })

export const notifyQuery = queryOptions({ queryKey: ['notify'], queryFn: ({ signal }) => api.notify(signal), refetchInterval: 2_000 })

export const rulesQuery = (filter: RuleFilter) =>
  queryOptions({
    queryKey: ['rules', filter],
    queryFn: async ({ signal }) => {
      const page = await api.rules(filter, signal)
      noteCost(page.items, Date.now())
      return page
    },
    refetchInterval: 2_000,
    placeholderData: keepPreviousData,
  })

/** As many as a page of the edge may hold. */
const rulesMost = 1_000

/** All that match, page by page. */
export async function allRules(filter: Omit<RuleFilter, 'offset' | 'limit'>, signal?: AbortSignal, onPage?: (found: number, total: number) => void): Promise<Rule[]> {
  const found: Rule[] = []
  for (;;) {
    const page = await api.rules({ ...filter, offset: found.length, limit: rulesMost }, signal)
    found.push(...page.items)
    onPage?.(found.length, page.total)
    if (page.items.length === 0 || found.length >= page.total) return found
  }
}

/** How rules do after something was done to many; `at` tells one such time from the next. */
export const followedRulesQuery = (at: number) =>
  queryOptions({ queryKey: ['followed-rules', at], queryFn: ({ signal }) => allRules({}, signal), refetchInterval: 1_000, gcTime: 0 })

export const ruleQuery = (rule: string) =>
  queryOptions({
    queryKey: ['rule', rule],
    queryFn: async ({ signal }) => {
      const detail = await api.rule(rule, signal)
      noteCost([detail], Date.now())
      return detail
    },
    refetchInterval: 2_000,
  })

export const tablesQuery = queryOptions({
  queryKey: ['tables'],
  queryFn: ({ signal }) => api.tables(signal),
  refetchInterval: 2_000,
})

export const tableQuery = (table: string, page: number) =>
  queryOptions({
    queryKey: ['table', table, page],
    queryFn: ({ signal }) => api.table(table, page * tablePageSize, tablePageSize, signal),
    refetchInterval: 2_000,
    placeholderData: keepPreviousData,
  })
