/** Takes a file of the edge along: asked for first, so that a refusal is told with its remedy and not as a failed download. */
import { useMutation } from '@tanstack/react-query'

import { askForFile } from '../api/client'
import { fetchFile } from '../lib/download'

export function useFile() {
  const asking = useMutation({ mutationFn: askForFile, onSuccess: (_, address) => fetchFile(address) })
  return {
    take: (address: string) => asking.mutate(address),
    isBusy: (address: string) => asking.isPending && asking.variables === address,
    error: asking.error,
  }
}
