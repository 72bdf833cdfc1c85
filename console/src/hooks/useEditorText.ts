/** Keeps an editor and a page's text alike: what the page gives comes into the editor, what was typed does not come back. */
import type { EditorView } from '@codemirror/view'
import { useEffect, useRef, type RefObject } from 'react'

/** Returns what is to be told of every text that was typed. */
export function useEditorText(view: RefObject<EditorView | undefined>, value: string): RefObject<(text: string) => void> {
  // The page answers a moment after typing, when more may have been typed: an answer is no news.
  const told = useRef<string[]>([])
  const tell = useRef((text: string) => {
    told.current.push(text)
  })
  useEffect(() => {
    const answered = told.current.indexOf(value)
    if (answered >= 0) {
      told.current.splice(0, answered + 1)
      return
    }
    told.current = []
    const editor = view.current
    if (editor === undefined || editor.state.doc.toString() === value) return
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: value } })
  }, [view, value])
  return tell
}
