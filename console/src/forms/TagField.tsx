/** A field for the name of a tag, or a pattern of them; proposes what fits as one types. */
import { useQuery } from '@tanstack/react-query'
import { useId, type ReactNode } from 'react'

import { api } from '../api/client'
import { useSettled } from '../hooks/useSettled'
import { TextField } from '../ui/Field'

interface Props {
  label: string
  hint?: ReactNode
  value: string
  problem: string | undefined
  warning?: string | undefined
  onChange: (value: string) => void
}

const tagsShown = 50

export function TagField({ label, hint, value, problem, warning, onChange }: Props) {
  const id = useId()
  const wanted = useSettled(value.trim())
  const filter = wanted.slice(wanted.indexOf('/') + 1)
  const found = useQuery({ queryKey: ['find-tags', '', filter], queryFn: ({ signal }) => api.allTags({ filter: filter === '' ? undefined : filter, limit: tagsShown }, signal), staleTime: 10_000 })
  return (
    <>
      <TextField label={label} hint={hint} list={id} autoComplete="off" autoCapitalize="none" spellCheck={false} value={value} problem={problem} warning={warning} onChange={(event) => onChange(event.target.value)} />
      <datalist id={id}>
        {(found.data?.items ?? []).map((tag) => (
          <option key={`${tag.device}/${tag.name}`}>{`${tag.device}/${tag.name}`}</option>
        ))}
      </datalist>
    </>
  )
}
