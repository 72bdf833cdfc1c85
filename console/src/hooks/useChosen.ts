/** What is chosen of a list, over all its pages; another list begins with nothing chosen. */
import { useState } from 'react'

const none: ReadonlySet<string> = new Set()

export function useChosen(list: string) {
  const [kept, setKept] = useState({ list, names: none })
  const chosen = kept.list === list ? kept.names : none
  const turn = (names: Iterable<string>, on: boolean) =>
    setKept((before) => {
      const after = new Set(before.list === list ? before.names : none)
      for (const name of names) {
        if (on) after.add(name)
        else after.delete(name)
      }
      return { list, names: after }
    })
  return { chosen, turn, clear: () => setKept({ list, names: none }) }
}
