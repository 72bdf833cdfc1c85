/** The width of an element, as it changes. */
import { useCallback, useRef, useState } from 'react'

export function useSize<T extends Element>(): [(element: T | null) => void, number] {
  const [width, setWidth] = useState(400)
  const observer = useRef<ResizeObserver | undefined>(undefined)
  const ref = useCallback((element: T | null) => {
    observer.current?.disconnect()
    if (element === null) return
    observer.current = new ResizeObserver(([entry]) => {
      if (entry !== undefined) setWidth(Math.max(120, Math.floor(entry.contentRect.width)))
    })
    observer.current.observe(element)
  }, [])
  return [ref, width]
}
