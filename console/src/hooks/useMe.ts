/** Who is logged in; the frame's loader has fetched it. */
import { useSuspenseQuery } from '@tanstack/react-query'

import { meQuery } from '../api/queries'
import type { Me } from '../api/types'

export function useMe(): Me {
  return useSuspenseQuery(meQuery).data
}
