/** Reads tags of a device that need not be saved yet: once, or again and again while `everyMs` is set. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'

import { api } from '../api/client'
import type { TrialRead, TrialRequest, TrialValue } from '../api/types'

export interface TrialReading {
  answer: TrialRead | undefined
  error: unknown
  busy: boolean
  /** when the answer came; 0 before the first */
  at: number
  /** by `group/tag` */
  values: Map<string, TrialValue>
  readNow: () => void
}

export function useTrialRead(request: TrialRequest, what: string, everyMs: number | undefined): TrialReading {
  // A read that was asked for belongs to what is read now; another choice of tags keeps no answer.
  const [asked, setAsked] = useState(0)
  const key = JSON.stringify(request)
  const query = useQuery({
    queryKey: ['trial-read', what, key],
    queryFn: async ({ signal }) => {
      const answer = await api.trialRead(request, signal)
      return { answer, values: new Map(answer.values.map((value) => [`${value.group}/${value.tag}`, value])) }
    },
    enabled: everyMs !== undefined,
    refetchInterval: everyMs ?? false,
    staleTime: 0,
    gcTime: 0,
    retry: false,
    placeholderData: (before) => before,
  })
  return {
    answer: asked === 0 && everyMs === undefined && query.data === undefined ? undefined : query.data?.answer,
    error: query.error,
    busy: query.isFetching,
    at: query.dataUpdatedAt,
    values: query.data?.values ?? noValues,
    readNow: () => {
      setAsked(asked + 1)
      void query.refetch()
    },
  }
}

const noValues = new Map<string, TrialValue>()
