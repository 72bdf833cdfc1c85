/** The configuration that runs, as text; empty where none was applied yet. */
import { useSuspenseQuery } from '@tanstack/react-query'

import { configQuery } from '../api/queries'

export function useConfigText(): string {
  return useSuspenseQuery(configQuery).data?.text ?? ''
}
