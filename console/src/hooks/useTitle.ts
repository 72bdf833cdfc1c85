/** The title of the browser tab; also what a screen reader says after a change of page. */
import { useEffect } from 'react'

export function useTitle(title: string) {
  useEffect(() => {
    document.title = `${title} · Tagwerk`
  }, [title])
}
